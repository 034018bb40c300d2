"""Lists a study's conditions and splits from its checked config, and what its stages need of each other."""

from weightscape.families import BASELINE, DIVERSITY_FAMILIES, SYNTHETIC_FAMILIES, named, needs_extra, strength
from weightscape.seeds import seed
from weightscape.study import Config
from weightscape.study.doses import action, chosen_by, dose_number, doses

OWN_SHIFTS = ("domain", "image_folder")
"""OOD sets that are brought under the classes, and into the form, of their data set."""
FAST_IMAGES = 5000
"""Images of a split that are read within seconds."""


def named_seed(config: Config, *parts: str | int) -> int:
    """The seed of one random stream of a study, by the parts that name the stream."""
    return seed(config["study"]["seed"], *parts)


def families(config: Config) -> list[str]:
    """The pool of neutral runs, which all are measured against, then the families in the order of the config."""
    return [BASELINE, *config["study"]["families"]]


def conditions(config: Config) -> list[tuple[str, str]]:
    """All (family, dose) of the study, in the same order."""
    return [(family, dose) for family in families(config) for dose in doses(config, family)]


def measures_diversity(config: Config, family: str) -> bool:
    """Whether the diversity of a family's training sets is measured; the pool is what others are compared with."""
    chosen = config["study"]["families"] if family == BASELINE else [family]
    return any(name in DIVERSITY_FAMILIES for name in chosen)


def embeds(config: Config, family: str, dose: str) -> bool:
    """Whether measuring the diversity of a condition embeds images: those that are changed, or none of the real ones.

    The real ones are embedded once for all conditions.
    """
    asked = action(config, family, dose)
    is_new = asked.operations or asked.noise > 0 or asked.items.synthetic_share > 0 or asked.items.extra_share > 0
    return bool(is_new) and bool(embeddings(config))


def measures_curvature(config: Config, family: str) -> bool:
    """Whether the curvature of a family's runs is measured; the pool is what others are compared with."""
    return _is_listed(config, "curvature", family)


def measures_penalties(config: Config, family: str) -> bool:
    """Whether penalties are measured at the weights of a family's runs."""
    return _is_listed(config, "penalties", family) and bool(penalties(config))


def penalties(config: Config) -> dict[str, str]:
    """The families whose penalty is measured, each with its strongest dose: those that perturb images or weights."""
    listed = [name for name in config["study"]["families"] if name in config["penalties"]["families"]]
    perturbing = [name for name in listed if {"images", "network", "optimiser"} & set(named(name).changes)]
    return {
        name: max(sorted(doses(config, name)), key=lambda dose: strength(name, dose_number(config, name, dose)))
        for name in perturbing
    }


def _is_listed(config: Config, block: str, family: str) -> bool:
    """Whether a block lists a family, or, for the pool that all are compared with, any of the study's."""
    chosen = config["study"]["families"] if family == BASELINE else [family]
    return any(name in config[block]["families"] for name in chosen)


def splits(config: Config, dataset: str) -> list[str]:
    """All splits of a data set: train, val, test, extra, and ood-{name}."""
    block = config["data"][dataset]
    return [*block["splits"], *(f"ood-{name}" for name in block["ood"])]


def compared_splits(split: str) -> list[str]:
    """The splits in which the images of a split must have no copies.

    None may be learnt from before a test, and a shifted set of test images would be no shift.
    """
    others = {"train": [], "val": ["train"], "test": ["train"], "extra": ["train", "val", "test"]}
    return others.get(split, ["train", "test"])


def is_corruption(config: Config, dataset: str, split: str) -> bool:
    """Whether a split is made from the clean test images."""
    ood = config["data"][dataset]["ood"].get(split.removeprefix("ood-"), {})
    return split.startswith("ood-") and ood.get("source") == "corruption"


def reads_fast(config: Config) -> bool:
    """Whether the study's splits have so few images that reading one takes seconds, so that it is not worth a job."""
    counts = []
    for dataset in config["study"]["datasets"]:
        block = config["data"][dataset]
        counts += [*block["splits"].values(), *(ood.get("images") for ood in block["ood"].values())]
    return all(isinstance(count, int) and count <= FAST_IMAGES for count in counts)


def evaluated_splits(config: Config, dataset: str) -> list[str]:
    """The splits that every run is evaluated on: also the clean training images, for loss and generalisation gap."""
    return ["train", "val", "test", *(f"ood-{name}" for name in config["data"][dataset]["ood"])]


def read_splits(config: Config, dataset: str) -> list[str]:
    """The splits that the page tells of: those that runs are evaluated on, and further images where any are used."""
    return [*evaluated_splits(config, dataset), *(["extra"] if reads_extra(config) else [])]


def uses_generator(config: Config) -> bool:
    """Whether any condition of the study trains on synthetic images."""
    return any(family in SYNTHETIC_FAMILIES for family in families(config))


def asks_judge(config: Config) -> bool:
    """Whether the judge is trained: the quality of synthetic images, and diversity in its features, ask for it."""
    return uses_generator(config) or measures_diversity(config, BASELINE)


def reads_extra(config: Config) -> bool:
    """Whether anything reads the split `extra`: the judge learns from it, and conditions draw from it."""
    return asks_judge(config) or any(map(needs_extra, families(config)))


def embeddings(config: Config) -> list[str]:
    """The backbones, before training, in whose embeddings diversity is measured: the study's, then further ones."""
    return list(dict.fromkeys([*config["study"]["backbones"], *config["diversity"]["embeddings"]]))


def read_backbones(config: Config) -> list[str]:
    """The backbones whose weights are read: the study's, and where diversity is measured those of its embeddings."""
    read = embeddings(config) if measures_diversity(config, BASELINE) else list(config["study"]["backbones"])
    chosen = [chosen_by(config, family, dose) for family, dose in conditions(config)]
    return list(dict.fromkeys([*read, *filter(None, chosen)]))


def coarsely_generated(config: Config) -> list[str]:
    """The data sets whose images are larger than those that the generator makes."""
    if config["generate"]["kind"] == "ddpm" or not uses_generator(config):  # one that is trained here makes their size
        return []
    size = config["generate"]["pipeline"]["size"]
    return [name for name in config["study"]["datasets"] if config["data"][name].get("image", {}).get("size", 0) > size]
