"""Checks, before the first job, that the data sets hold as many images as doses, splits and measures ask for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from weightscape.augmentations.operations import Operation, changed_share
from weightscape.data.digits import CLASSES, SIDE, SIZES
from weightscape.data.pools import Counted
from weightscape.data.settings import Count
from weightscape.errors import UserError
from weightscape.families import DIVERSITY_FAMILIES, FAMILIES
from weightscape.finetune.settings import ItemShares
from weightscape.study import Config, doses, generator_sizes, recipes, study
from weightscape.study.checks.names import SPLITS
from weightscape.study.doses import INSIDE, action, dose_values


class Known(NamedTuple):
    """The counts of a data set before it is read: images per split (or `all`), and classes (None if unknown).

    `largest` is the largest share of the images to train on that a class has, or the least that it can have.
    """

    splits: Mapping[str, Count]
    classes: int | None
    largest: float = 0.0


def check(config: Config, counted: Mapping[str, Counted | None]) -> None:
    """A `UserError` reports the first amount that is not there; `counted` has the counts of the user's files."""
    known = {name: _known(config["data"][name], counted[name]) for name in config["study"]["datasets"]}
    for dataset, sizes in known.items():
        _check_packaged(config["data"][dataset], dataset)
        _check_corruptions(config["data"][dataset], dataset)
        _check_size(config, dataset)
        _check_rows(config, dataset, sizes)
        _check_shards(config, dataset, sizes)
    for family in config["study"]["families"]:
        for dose, values in config["families"][family]["doses"].items():
            key = f"config: families.{family}.doses.{dose}"
            steps = _fewest_steps(config)
            if family == "steps" and round(values["factor"] * steps) < 1:
                raise UserError(f"{key}.factor = {values['factor']} leaves none of {steps} steps; raise it")
            _check_effect(config, family, dose, key)
            for dataset, sizes in known.items():
                if "share" in values and isinstance(sizes.splits["train"], int):
                    _check_share(config, dataset, sizes, family, dose)
        for dataset, sizes in known.items():
            _check_equal(config, dataset, sizes, family)


def _known(block: Config, counted: Counted | None) -> Known:
    """Takes the counts from disk, from the package, or from the config."""
    if counted is not None:
        return Known(counted.splits, len(counted.classes), max(counted.train) / sum(counted.train))
    if block["source"] in SIZES:
        return Known(block["splits"], len(CLASSES), 1 / len(CLASSES))
    chosen = block["classes"]
    named = chosen if isinstance(chosen, int) else len(chosen) if isinstance(chosen, list) else None
    return Known(block["splits"], named, 1 / named if named else 0.0)


def classes(block: Config, counted: Counted | None) -> Sequence[str] | None:
    """Names of all classes of a data set; None if they are unknown before it is read, or if some are chosen."""
    if block.get("classes", "all") != "all":
        return None
    if counted is not None:
        return counted.classes
    if block["source"] in SIZES:
        return CLASSES
    return None


def _check_size(config: Config, dataset: str) -> None:
    """The diffusion model that is trained here takes multiples of its smallest grid."""
    if config["generate"]["kind"] == "ddpm" and study.uses_generator(config):
        generator_sizes.model(config, dataset)


def _check_shards(config: Config, dataset: str, known: Known) -> None:
    """Every job of a pipeline must have an image to make."""
    block = config["generate"]
    if block["kind"] == "ddpm" or known.classes is None or not study.uses_generator(config):
        return
    for name in recipes.names(config):
        images = recipes.images_per_class(config, name, dataset) * known.classes
        if images < block["shards"]:
            raise UserError(
                f"config: generate.shards = {block['shards']} is more than the {images} images of recipe {name!r} for "
                f"{dataset}: lower it to {images} or less"
            )


def _check_rows(config: Config, dataset: str, known: Known) -> None:
    """Every measured set must have twice the rows at which sets are compared (METHODS 5)."""
    rows, train = config["diversity"]["common_rows"], known.splits["train"]
    measured = set(config["study"]["families"]) & set(DIVERSITY_FAMILIES)
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


def _check_corruptions(block: Config, dataset: str) -> None:
    """A corruption cannot use more images than the test split has."""
    have = block["splits"]["test"]
    for name, ood in block["ood"].items():
        if ood["source"] == "corruption" and "all" not in (have, ood["images"]) and ood["images"] > have:
            raise UserError(
                f"config: data.{dataset}.ood.{name}.images = {ood['images']}, but the test split has {have}: lower it"
            )


def _check_effect(config: Config, family: str, dose: str, key: str) -> None:
    """A dose must do something; one that does nothing would be a second baseline."""
    values, act = dose_values(config, family, dose), action(config, family, dose)
    if "network" in FAMILIES[family].changes and family != INSIDE and not any(act.dropout.values()):
        raise UserError(f"{key} drops nothing: raise one of its rates above 0")
    if family == "steps":
        for backbone in config["study"]["backbones"]:
            steps = doses.loop(config, backbone)["steps"]
            if doses.training(config, backbone, family, dose).steps == steps:
                raise UserError(
                    f"{key}.factor = {values['factor']} gives {backbone} {steps} steps, which is the baseline: take "
                    "another"
                )
    if family == "augment" and not changed_share(act.operations, 0.0):
        raise UserError(f"{key}.operations change nothing: raise a magnitude or a probability above 0")
    _check_resolutions(config, act.operations, key)


def _check_resolutions(config: Config, operations: Sequence[Operation], key: str) -> None:
    """A passage through another resolution must lose something in every data set."""
    for operation in operations:
        for dataset in config["study"]["datasets"] if operation.name == "resample" else []:
            block = config["data"][dataset]
            size = block["image"]["size"] if "image" in block else SIDE
            passed = int(operation.magnitudes["size"])
            if passed >= size:
                raise UserError(
                    f"{key}: resample to {passed} px is no lower than the {size} px of {dataset}: lower size"
                )


def _fewest_steps(config: Config) -> int:
    """Optimiser steps of the backbone that trains for the fewest."""
    return min(doses.loop(config, backbone)["steps"] for backbone in config["study"]["backbones"])


def _check_equal(config: Config, dataset: str, known: Known, family: str) -> None:
    """No two doses of a family may do the same under two names, as shares of the same number of images do."""
    seen: list[tuple[str, object]] = []
    for dose in doses.doses(config, family):
        done = _done(config, family, dose, known.splits["train"])
        other = next((name for name, each in seen if each == done), None)
        if other is not None:
            raise UserError(
                f"config: families.{family}.doses: {other!r} and {dose!r} do the same to {dataset}: remove one, or "
                "change it by at least one image or step"
            )
        seen.append((dose, done))


def _done(config: Config, family: str, dose: str, train: Count) -> object:
    """All that a dose does to the list of items, to the steps and in the training, without what changes nothing."""
    change = doses.item_change(config, family, dose)
    if isinstance(train, int):
        change = replace(change, share=round(change.share * train))
    backbones = config["study"]["backbones"]
    steps = [doses.training(config, backbone, family, dose).steps for backbone in backbones]
    actions = [
        replace(
            act,
            items=ItemShares(0, 0, 0, 0),  # follow from the change
            operations=tuple(each for each in act.operations if changed_share([each], 0.0)),
        )
        for act in (action(config, family, dose, backbone) for backbone in backbones)
    ]
    return change, steps, actions


def unreadable(limit: float, splits: Mapping[str, int | str]) -> int:
    """Images of the split `extra` that may be unreadable, one at least is not.

    All that the limit allows, or that chance puts there (3 s.d.), if those are fewer.
    """
    counts = {name: count for name in SPLITS if isinstance(count := splits.get(name), int)}
    expected = limit * counts["extra"]
    chance = math.ceil(expected + 3 * expected**0.5)
    return min(math.floor(limit * sum(counts.values())), chance, counts["extra"] - 1)


def _check_share(config: Config, dataset: str, known: Known, family: str, dose: str) -> None:
    """The images that a share asks for must be there."""
    values, train, extra = config["families"][family]["doses"][dose], known.splits["train"], known.splits["extra"]
    wanted, text = round(values["share"] * train), f"config: families.{family}.doses.{dose}.share = {values['share']}"
    if wanted < 1:
        raise UserError(f"{text} is less than one of {train} images; raise it")
    if FAMILIES[family].items == "duplicate" and wanted >= train:
        raise UserError(f"{text} leaves none of {train} images that are no copies; lower it")
    if FAMILIES[family].draws_from == "extra" and isinstance(extra, int):
        lost = unreadable(config["data"][dataset].get("unreadable", 0.0), known.splits)
        offered = round(values.get("pool", 1.0) * (extra - lost))
        if wanted > offered:
            drawn = f", of which {lost} may be unreadable" if lost else ""
            drawn += f", of which each seed draws {offered}" if values.get("pool", 1.0) < 1 else ""
            raise UserError(
                f"{text} needs {wanted} further images, but data.{dataset}.splits.extra = {extra}{drawn}; raise that, "
                "or lower the share"
            )
    if "recipe" in values and known.classes is not None:
        each = recipes.images_per_class(config, values["recipe"], dataset)
        recipe = f"by recipe {values['recipe']!r}, but generate.recipes has {each}"
        if values.get("pool", 1.0) < 1:
            each = math.floor(each * values["pool"])
            recipe += f", of which each seed draws {each},"
        if wanted > each * known.classes:
            raise UserError(
                f"{text} needs {wanted} images {recipe} for each of {known.classes} classes of {dataset}; raise that, "
                "or lower the share"
            )
        most = math.ceil(wanted * known.largest - 1e-6)
        if most > each:
            raise UserError(
                f"{text} needs {most} images of the largest class of {dataset} {recipe}; raise that, or lower the share"
            )
