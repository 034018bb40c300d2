"""Checks that the config defines every name that it uses, and that no name is taken by the folders."""

import difflib

from weightscape.data import torchvision_names
from weightscape.errors import UserError
from weightscape.project import CAPTIONS, FIGURES
from weightscape.spectra.columns import OURS, WATCHER
from weightscape.study import Config

MEASURED = (*WATCHER, *OURS)
"""Columns of the spectra whose change may be an effect."""
RESERVED = ("backbones", "before", "fetched")
"""Names of folders beside those of the data sets."""
SPLITS = ("train", "val", "test", "extra")


def check(config: Config) -> None:
    """A `UserError` reports the first name that is not defined or that is taken."""
    _check_uses(config)
    _check_metrics(config["analyse"])
    _check_figures(config["figures"])
    if config["generate"]["name"] == "judge":
        raise UserError("config: generate.name = 'judge' is a folder beside the generator's; choose another")
    for dataset in config["study"]["datasets"]:
        _check_data_set(dataset, config["data"][dataset])


def check_defined(config: Config, key: str, name: str, block: str) -> None:
    """The config's `block` must define a name that `key` uses."""
    if name not in config[block]:
        known = ", ".join(sorted(config[block]))
        raise UserError(f"config: {key} names {name!r}, which {block} does not define; known: {known}")


def _check_uses(config: Config) -> None:
    study = config["study"]
    uses = (
        ("study.datasets", study["datasets"], "data"),
        ("study.backbones", study["backbones"], "backbones"),
        ("study.families", study["families"], "families"),
        ("diversity.embeddings", config["diversity"]["embeddings"], "backbones"),
        ("curvature.families", config["curvature"]["families"], "families"),
        ("penalties.families", config["penalties"]["families"], "families"),
    )
    for key, names, block in uses:
        for name in names:
            check_defined(config, key, name, block)


def _check_metrics(analyse: Config) -> None:
    """The metrics must be columns of the spectra; the primary metric and those with margins must be among them."""
    metrics = analyse["metrics"]
    if analyse["primary"] not in metrics:
        known = ", ".join(metrics)
        raise UserError(
            f"config: analyse.primary = {analyse['primary']!r} is not in analyse.metrics; choose from {known}"
        )
    for name in metrics:
        if name not in MEASURED:
            near = difflib.get_close_matches(name, MEASURED, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else "workflow/docs/spectra.md lists them"
            raise UserError(f"config: analyse.metrics names {name!r}, which is no column of the spectra; {hint}")
    for scope, names in analyse["signature"]["features"].items():
        for name in names:
            if name not in metrics:
                where = f"analyse.signature.features.{scope}"
                raise UserError(f"config: {where} names {name!r}, which is not in analyse.metrics; add it there")
    for name in analyse["margins"]:
        if name not in metrics:
            raise UserError(f"config: analyse.margins names {name!r}, which is not in analyse.metrics; remove it")


def _check_figures(figures: list[str]) -> None:
    """Every figure must have a module and a caption."""
    for name in figures:
        if (FIGURES / f"{name}.py").is_file() and not (CAPTIONS / f"{name}.md").is_file():
            raise UserError(f"config: figures names {name!r}, which has no caption: write {CAPTIONS / name}.md")
        if not (FIGURES / f"{name}.py").is_file():
            known = ", ".join(sorted(path.stem for path in CAPTIONS.glob("*.md")))
            raise UserError(f"config: figures names {name!r}, which {FIGURES.name}/ does not define; known: {known}")


def _check_data_set(dataset: str, block: Config) -> None:
    """A data set must not be called as a folder, none of its OOD sets as a split; torchvision must have its class."""
    if dataset in RESERVED:
        raise UserError(f"config: data.{dataset} has a name that the folders use; choose another")
    for name in block["ood"]:
        if name in SPLITS:
            raise UserError(f"config: data.{dataset}.ood.{name} has the name of a split; choose another")
    if block["source"] == "torchvision":
        torchvision_names.check(f"data.{dataset}.name", block["name"])
