"""Checks that a config refers only to what it defines."""

import difflib
from pathlib import Path

from weightscape.data import torchvision_names
from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.networks import dropout_places
from weightscape.project import CAPTIONS, FIGURES, SCHEMAS
from weightscape.spectra.columns import OURS, WATCHER
from weightscape.study import doses, recipes
from weightscape.study.checks import amounts, own_files
from weightscape.study.study import Config

SCHEMA = SCHEMAS / "config.schema.yaml"
MEASURED = (*WATCHER, *OURS)
"""Columns of the spectra whose change may be an effect."""
RESERVED = ("backbones", "before", "fetched")
"""Names of folders beside those of the data sets."""


def _check_references(config: Config) -> None:
    """Names in `study` must be defined, doses must not be called as the baseline, splits must be there."""
    chosen, training = config["study"], config["finetune"]
    if training["checkpoint_every"] % training["history_every"]:
        raise UserError(
            f"config: finetune.checkpoint_every = {training['checkpoint_every']} must be a multiple of "
            f"finetune.history_every = {training['history_every']}"
        )
    for key, block in (("datasets", "data"), ("backbones", "backbones"), ("families", "families")):
        for name in chosen[key]:
            if name not in config[block]:
                known = ", ".join(sorted(config[block]))
                raise UserError(f"config: study.{key} names {name!r}, which {block} does not define; known: {known}")
    for name in config["diversity"]["embeddings"]:
        if name not in config["backbones"]:
            known = ", ".join(sorted(config["backbones"]))
            raise UserError(
                f"config: diversity.embeddings names {name!r}, which backbones does not define; known: {known}"
            )
    for name in config["curvature"]["families"]:
        if name not in config["families"]:
            known = ", ".join(sorted(config["families"]))
            raise UserError(
                f"config: curvature.families names {name!r}, which families does not define; known: {known}"
            )
    for family in chosen["families"]:
        _check_family(config, family)
    if config["analyse"]["primary"] not in config["analyse"]["metrics"]:
        known = ", ".join(config["analyse"]["metrics"])
        raise UserError(
            f"config: analyse.primary = {config['analyse']['primary']!r} is not in analyse.metrics; choose from {known}"
        )
    metrics = config["analyse"]["metrics"]
    for name in metrics:
        if name not in MEASURED:
            near = difflib.get_close_matches(name, MEASURED, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else "workflow/docs/spectra.md lists them"
            raise UserError(f"config: analyse.metrics names {name!r}, which is no column of the spectra; {hint}")
    for name in config["analyse"]["margins"]:
        if name not in metrics:
            raise UserError(f"config: analyse.margins names {name!r}, which is not in analyse.metrics; remove it")
    if config["generate"]["name"] == "judge":
        raise UserError("config: generate.name = 'judge' is a folder beside the generator's; choose another")
    for name in config["figures"]:
        if not (FIGURES / f"{name}.py").is_file() or not (CAPTIONS / f"{name}.md").is_file():
            known = ", ".join(sorted(path.stem for path in CAPTIONS.glob("*.md")))
            raise UserError(f"config: figures names {name!r}, which {FIGURES.name}/ does not define; known: {known}")
    for dataset in chosen["datasets"]:
        if dataset in RESERVED:
            raise UserError(f"config: data.{dataset} has a name that the folders use; choose another")
        for name, ood in config["data"][dataset]["ood"].items():
            if name in ("train", "val", "test", "extra"):
                raise UserError(f"config: data.{dataset}.ood.{name} has the name of a split; choose another")
            _check_images(config, dataset, name, ood)
        own_files.check_data(config, dataset)
        if config["data"][dataset].get("source") == "torchvision":
            torchvision_names.check(f"data.{dataset}.name", config["data"][dataset]["name"])
    for backbone in chosen["backbones"]:
        own_files.check_backbone(config, backbone)
        _check_normalisation(config["backbones"][backbone]["input"], f"backbones.{backbone}.input")
    own_files.check_generator(config)
    recipes.check(config)
    counted = {dataset: own_files.counted(config, dataset) for dataset in chosen["datasets"]}
    recipes.check_words(config, [amounts.classes(block, counted.get(name)) for name, block in config["data"].items()])
    amounts.check(config, counted)


def _check_family(config: Config, family: str) -> None:
    block = config["families"][family]
    for dose, values in block["doses"].items():
        if dose == BASELINE:
            raise UserError(f"config: families.{family}.doses.{dose}: {BASELINE!r} is every family's neutral dose")
        known = doses.numbers(config, family, dose)
        if block["axis"] not in known:
            numbers = ", ".join(known)
            raise UserError(
                f"config: families.{family}.axis = {block['axis']!r} is no number of dose {dose!r}; "
                f"choose from {numbers}"
            )
        _check_action(config, family, dose, values)
        if family == doses.INSIDE:
            _check_places(config, f"families.{family}.doses.{dose}.places", values["places"])
        if "recipe" in values and values["recipe"] not in recipes.names(config):
            allowed = ", ".join(recipes.names(config))
            raise UserError(
                f"config: families.{family}.doses.{dose}.recipe = {values['recipe']!r} is not in generate.recipes; "
                f"choose from {allowed}"
            )


def _check_places(config: Config, key: str, places: Config) -> None:
    """Every backbone of the study must say what drops in it."""
    for name in places:
        if name not in config["backbones"]:
            known = ", ".join(sorted(config["backbones"]))
            raise UserError(f"config: {key} names {name!r}, which backbones does not define; known: {known}")
    for backbone in config["study"]["backbones"]:
        if backbone not in places:
            allowed = ", ".join(dropout_places.DROPOUTS)
            raise UserError(f"config: {key} does not say what drops in {backbone!r}: give it a list of {allowed}")


def _check_normalisation(block: Config, key: str) -> None:
    """Mean and spread of one grey channel or of three colours."""
    counts = len(block["mean"]), len(block["std"])
    if counts not in ((1, 1), (3, 3)):
        raise UserError(
            f"config: {key} has {counts[0]} numbers in mean and {counts[1]} in std: give one of each, or three"
        )


def _check_action(config: Config, family: str, dose: str, values: Config) -> None:
    """The optimiser must be able to do what a dose asks for."""
    if values.get("decay", 0) and not values["coupled"] and config["finetune"]["optimizer"] == "sgd":
        raise UserError(
            f"config: families.{family}.doses.{dose}.coupled = false needs finetune.optimizer = 'adam' (AdamW); "
            "SGD can only do coupled = true"
        )


def _check_images(config: Config, dataset: str, name: str, ood: Config) -> None:
    """A corruption cannot use more images than the test split has."""
    have = config["data"][dataset]["splits"]["test"]
    if ood["source"] == "corruption" and "all" not in (have, ood["images"]) and ood["images"] > have:
        raise UserError(f"config: data.{dataset}.ood.{name}.images = {ood['images']}, but the test split has {have}")


def check_tables(config: Config) -> None:
    """In a study that starts from published tables, their folder must be there and the conditions file whole."""
    from weightscape.published import conditions

    block = config["reanalyse"]
    if config["study"]["start"] != "tables":
        return
    if not Path(block["tables"]).is_dir():
        raise UserError(
            f"config: reanalyse.tables = {block['tables']!r} is no folder; name the folder of the tables in the "
            "study's file, or by --config 'reanalyse={tables: FOLDER}'"
        )
    conditions.read(Path(block["conditions"]))
