"""Tells which OOD sets are corruptions, and which of them a condition has seen in training."""

from collections.abc import Mapping
from typing import Any

from weightscape.augmentations.chances import chance
from weightscape.study.doses import Config, action
from weightscape.study.study import conditions, splits


def is_corruption(config: Config, dataset: str, split: str) -> bool:
    """Whether a split is made from the clean test images."""
    ood = config["data"][dataset]["ood"].get(split.removeprefix("ood-"), {})
    return split.startswith("ood-") and ood.get("source") == "corruption"


def corrupted_splits(config: Config) -> list[tuple[str, str]]:
    """Every data set of the study with each of its splits that is made from its clean test images."""
    return [
        (dataset, split)
        for dataset in config["study"]["datasets"]
        for split in splits(config, dataset)
        if is_corruption(config, dataset, split)
    ]


CORRUPTED_BY = {
    "noise": {"gaussian_noise"},
    "blur": {"resample", "autoaugment", "randaugment", "trivialaugment", "augmix"},  # their sharpness also smooths
    "contrast": {"autoaugment", "randaugment", "trivialaugment", "augmix"},
    "rotation": {"affine", "autoaugment", "randaugment", "trivialaugment", "augmix"},
    "occlusion": {"erasing"},
}
"""The augmentations that show a network each kind of corruption before it is tested on it."""
SHOWN_BY = {("rotation", "affine"): "degrees"}
"""The magnitude on which it depends whether one of them does."""


def seen_corruptions(config: Config, dataset: str) -> dict[str, list[str]]:
    """The OOD sets that are no news to a condition, as its own policy has their kind of corruption."""
    sets = {name: block["kind"] for name, block in config["data"][dataset]["ood"].items() if "kind" in block}
    found = {}
    for family, dose in conditions(config):
        act = action(config, family, dose)
        noise = [{"name": "gaussian_noise", "sigma": act["noise"]}]
        seen = [
            f"ood-{name}"
            for name, kind in sets.items()
            if any(_shows(operation, kind) for operation in [*act["operations"], *noise])
        ]
        if seen:
            found[f"{family}/{dose}"] = seen
    return found


def _shows(operation: Mapping[str, Any], kind: str) -> bool:
    """Whether an augmentation makes images that are corrupted in this way."""
    magnitude = operation.get(SHOWN_BY.get((kind, operation["name"]), ""), 1)
    return operation["name"] in CORRUPTED_BY.get(kind, set()) and chance(operation) > 0 and magnitude > 0


def severities(config: Config, dataset: str) -> dict[str, int]:
    """The severity, 1 to 5, of each OOD set that is a corruption of the test images."""
    ood = config["data"][dataset]["ood"]
    return {f"ood-{name}": block["severity"] for name, block in ood.items() if "severity" in block}
