"""Derives from the config what a condition changes: the list of items, the training loop, and the action in it."""

from dataclasses import replace

from weightscape.assemble.settings import UNCHANGED, ItemChange
from weightscape.augmentations.operations import Operation, operation
from weightscape.families import BASELINE, DRAWING_FAMILIES, named
from weightscape.finetune.settings import Action, ItemShares, Mixing, TrainingSettings, WeightDecay
from weightscape.formats.typed import from_json
from weightscape.metrics.analysis.settings import FurtherImages
from weightscape.networks.settings import DROPOUTS
from weightscape.seeds import seed
from weightscape.study import Config, recipes

PIXELS = "pixels"
"""The space of the images themselves, among the names of backbones."""
INSIDE = "dropout_inside"
"""The family whose doses name their places for each backbone."""


def doses(config: Config, family: str) -> list[str]:
    """The doses of a family; the pool of neutral runs has one."""
    return [BASELINE] if family == BASELINE else list(config["families"][family]["doses"])


def seeds(config: Config, family: str) -> list[int]:
    """The labels of the runs of each condition of a family; the pool of neutral runs has more than the others."""
    return list(range(config["study"]["baseline_runs"])) if family == BASELINE else config["study"]["seeds"]


def dose_values(config: Config, family: str, dose: str) -> Config:
    """The typed values of a dose; empty for the baseline."""
    return {} if dose == BASELINE else config["families"][family]["doses"][dose]


def dose_number(config: Config, family: str, dose: str) -> float:
    """The number by which a family's doses are ordered and plotted; 0 for the pool of neutral runs."""
    return 0.0 if dose == BASELINE else numbers(config, family, dose)[config["families"][family]["axis"]]


def numbers(config: Config, family: str, dose: str) -> dict[str, float]:
    """The numbers of a dose, by which its family may be ordered: its own, and those of its recipe."""
    values = dict(dose_values(config, family, dose))
    if values.get("recipe") in recipes.names(config):
        asked = recipes.recipe(config, values["recipe"])
        values |= {key: asked[key] for key in recipes.numbers(config)}
    return {key: float(value) for key, value in values.items() if type(value) in (int, float)}


def action(config: Config, family: str, dose: str, backbone: str | None = None) -> Action:
    """Returns the changes that a condition makes to the training, with neutral values for all that it leaves alone.

    A dose that states its dropouts per backbone has none without `backbone`.
    """
    values = dose_values(config, family, dose)
    return Action(
        operations=_operations(family, values),
        noise=float(values["sigma"]) if family == "noise" and values else 0.0,
        dropout=_dropped(family, values, backbone),
        weight_decay=WeightDecay(
            decay=float(values.get("decay", 0.0)),
            coupled=values.get("coupled", False),
            head=values.get("decay_head", True),
            norms=values.get("decay_norms", False),
        ),
        items=_shares(item_change(config, family, dose)),
        mixing=Mixing(family, numbers(config, family, dose)) if "batches" in named(family).changes else None,
    )


def item_change(config: Config, family: str, dose: str) -> ItemChange:
    """Returns the change that a condition makes to the list of real items."""
    kind = named(family).items
    if kind is None:
        return UNCHANGED
    values = dose_values(config, family, dose)
    asked = _choice(config, values) if "choose" in values else None
    block = {"kind": kind, "share": values["share"], "recipe": values.get("recipe"), "choice": asked}
    return from_json(ItemChange, block, f"families.{family}.doses.{dose}")


def further_images(config: Config) -> tuple[FurtherImages, ...]:
    """How each condition of the study takes images beside the real ones, of those that do."""
    drawing = [family for family in config["study"]["families"] if family in DRAWING_FAMILIES]
    return tuple(
        FurtherImages(
            family=family,
            dose=dose,
            share=values["share"],
            recipe=values.get("recipe"),
            method=values.get("choose"),
            by=values.get("by", PIXELS),
            gated=values.get("gate") == "judge",
            given=values.get("given", "real") == "real",
            pool=values.get("pool", 1.0),
        )
        for family in drawing
        for dose, values in config["families"][family]["doses"].items()
    )


def _choice(config: Config, values: Config) -> Config:
    """How a dose's images are chosen; its gate is a judge of its own, which sees the baseline's images alone."""
    by = values["by"]
    network = None if by == PIXELS else {key: config["backbones"][by][key] for key in ("model", "input")}
    named = {"seed": seed(config["study"]["seed"], "gate of choices")}
    return {
        "method": values["choose"],
        "network": network,
        "gate": config["generate"]["judge"] | named if values["gate"] == "judge" else None,
        "given": values.get("given", "real") == "real",
        "pool": values.get("pool", 1.0),
    }


def chosen_by(config: Config, family: str, dose: str) -> str | None:
    """The backbone in whose embedding a dose's images are chosen; None for pixels, or where none are chosen."""
    by = dose_values(config, family, dose).get("by", PIXELS)
    return None if by == PIXELS else by


def _shares(change: ItemChange) -> ItemShares:
    """The shares of the items of the changed list."""
    added = change.share / (1 + change.share)
    drawn = {"add": added, "replace": change.share}.get(change.kind, 0.0)
    return ItemShares(
        synthetic_share=drawn if change.recipe else 0.0,
        extra_share=0.0 if change.recipe else drawn,
        changed_labels=change.share if change.kind == "mislabel" else 0.0,
        copies=change.share if change.kind == "duplicate" else 0.0,
    )


def _dropped(family: str, values: Config, backbone: str | None) -> dict[str, float]:
    """The drop rate of each place."""
    if family == INSIDE and values:
        places = values["places"].get(backbone, [])
        return {place: float(values["rate"] if place in places else 0) for place in DROPOUTS}
    rates = values if "network" in named(family).changes else {}
    return {place: float(rates.get(place, 0)) for place in DROPOUTS}


def _operations(family: str, values: Config) -> tuple[Operation, ...]:
    """The augmentations of a dose."""
    if family == "augment":
        return tuple(map(operation, values.get("operations", ())))
    return (Operation("resample", {"size": values["size"]}),) if family == "resolution" and values else ()


def loop(config: Config, backbone: str) -> Config:
    """The block `finetune` with what a backbone sets otherwise."""
    return config["finetune"] | config["backbones"][backbone].get("training", {})


def training(config: Config, backbone: str, family: str, dose: str) -> TrainingSettings:
    """The settings of a backbone's training loop; equal in every condition but those of `steps`."""
    settings = from_json(TrainingSettings, loop(config, backbone), "finetune")
    if "steps" in named(family).changes:
        return replace(settings, steps=round(settings.steps * dose_values(config, family, dose)["factor"]))
    return settings
