"""Tells which corruptions a condition has seen in training, and how severe each is."""

from weightscape.augmentations.operations import Operation
from weightscape.study import Config
from weightscape.study.doses import action
from weightscape.study.study import conditions

AUTOMATIC: dict[str, str | None] = dict.fromkeys(("autoaugment", "randaugment", "trivialaugment", "augmix"))
SHOWN_BY: dict[str, dict[str, str | None]] = {
    "noise": {"gaussian_noise": None},
    "blur": {"resample": None, **AUTOMATIC},  # the sharpness of automatic policies also smooths
    "contrast": AUTOMATIC,
    "rotation": {"affine": "degrees", **AUTOMATIC},
    "occlusion": {"erasing": None},
}
"""The augmentations that show a network each kind of corruption before it is tested on it, and the magnitude on which
that depends.

It stands here and not in the table of augmentations, which the training reads: a new corruption must retrain nothing.
"""


def by_condition(config: Config, dataset: str) -> dict[str, tuple[str, ...]]:
    """The OOD sets that are no news to a condition, as its own policy has their kind of corruption."""
    sets = {name: block["kind"] for name, block in config["data"][dataset]["ood"].items() if "kind" in block}
    seen_by = {}
    for family, dose in conditions(config):
        asked = action(config, family, dose)
        operations = [*asked.operations, Operation("gaussian_noise", {"sigma": asked.noise})]
        seen = tuple(
            f"ood-{name}" for name, kind in sets.items() if any(_shows(operation, kind) for operation in operations)
        )
        if seen:
            seen_by[f"{family}/{dose}"] = seen
    return seen_by


def _shows(operation: Operation, kind: str) -> bool:
    """Whether an augmentation makes images that are corrupted in this way."""
    if operation.name not in SHOWN_BY[kind]:
        return False
    magnitude = SHOWN_BY[kind][operation.name]
    return operation.chance > 0 and (magnitude is None or float(operation.magnitudes[magnitude]) > 0)


def severities(config: Config, dataset: str) -> dict[str, int]:
    """The severity, 1 to 5, of each OOD set that is a corruption of the test images."""
    ood = config["data"][dataset]["ood"]
    return {f"ood-{name}": block["severity"] for name, block in ood.items() if "severity" in block}
