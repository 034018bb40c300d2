"""Lists the names of a study's jobs by kind: the values of the wildcards in their paths."""

from collections.abc import Iterator, Mapping

from weightscape import families
from weightscape.study import assets, recipes, study
from weightscape.study.config_type import Config
from weightscape.study.corruptions import is_corruption

Names = Mapping[str, str]
"""The values of the wildcards of a job."""


def once(config: Config) -> Iterator[Names]:
    """No names: a study has one such job."""
    yield {}


def downloads(config: Config) -> Iterator[Names]:
    """The data sets, weights and models that are fetched."""
    return ({"asset": asset} for asset in assets.of_study(config))


def splits(config: Config) -> Iterator[Names]:
    """The splits that are read from a source; further real images only if something uses them."""
    for dataset in config["study"]["datasets"]:
        for split in study.splits(config, dataset):
            if not is_corruption(config, dataset, split) and (split != "extra" or study.reads_extra(config)):
                yield {"dataset": dataset, "split": split}


def corruptions(config: Config) -> Iterator[Names]:
    """The splits that are made by corrupting test images."""
    for dataset in config["study"]["datasets"]:
        for split in study.splits(config, dataset):
            if is_corruption(config, dataset, split):
                yield {"dataset": dataset, "split": split}


def read_backbones(config: Config) -> Iterator[Names]:
    """The backbones whose weights are read."""
    return ({"backbone": backbone} for backbone in study.read_backbones(config))


def backbones(config: Config) -> Iterator[Names]:
    """The study's backbones."""
    return ({"backbone": backbone} for backbone in config["study"]["backbones"])


def datasets(config: Config) -> Iterator[Names]:
    """The study's data sets."""
    return ({"dataset": dataset} for dataset in config["study"]["datasets"])


def judges(config: Config) -> Iterator[Names]:
    """The data sets that have a judge."""
    return datasets(config) if study.asks_judge(config) else iter(())


def generators(config: Config) -> Iterator[Names]:
    """The generator of each data set, if synthetic images are asked for."""
    if study.uses_generator(config):
        for names in datasets(config):
            yield {**names, "generator": config["generate"]["name"]}


def trained_generators(config: Config) -> Iterator[Names]:
    """The generators that are trained here."""
    return generators(config) if config["generate"]["kind"] == "ddpm" else iter(())


def shards(config: Config) -> Iterator[Names]:
    """The shards of synthetic images of every recipe."""
    for names in generators(config):
        for recipe in recipes.names(config):
            for shard in range(config["generate"]["shards"]):
                yield {**names, "recipe": recipe, "shard": f"{shard:05d}"}


def conditions(config: Config) -> Iterator[Names]:
    """The conditions of each data set."""
    for names in datasets(config):
        for family, dose in study.conditions(config):
            yield {**names, "family": family, "dose": dose}


def measured_conditions(config: Config) -> Iterator[Names]:
    """The conditions whose diversity is measured."""
    return (names for names in conditions(config) if names["family"] in families.DIVERSITY_FAMILIES)


def altered_items(config: Config) -> Iterator[Names]:
    """The conditions and seeds that have an item list of their own."""
    for names in conditions(config):
        if families.alters_items(names["family"], names["dose"]):
            for seed in config["study"]["seeds"]:
                yield {**names, "seed": str(seed)}


def runs(config: Config) -> Iterator[Names]:
    """All runs."""
    return (run.names for run in study.runs(config))


def curved_runs(config: Config) -> Iterator[Names]:
    """The runs whose curvature is measured."""
    curved = study.curved_conditions(config)
    return (names for names in runs(config) if (names["family"], names["dose"]) in curved)


def dropping_conditions(config: Config) -> Iterator[Names]:
    """The conditions whose weights are dropped, all or some, once they are measured."""
    if config["study"]["keep_weights"] != "all":
        for names in conditions(config):
            yield from ({**names, **backbone} for backbone in backbones(config))


def figures(config: Config) -> Iterator[Names]:
    """The figures of the page."""
    return ({"figure": figure} for figure in config["figures"])
