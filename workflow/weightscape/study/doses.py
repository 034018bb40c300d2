"""What a condition does: its typed values in the config, and the action at training time that follows from them."""

from collections.abc import Mapping
from typing import Any

from weightscape.families import BASELINE, baseline_number
from weightscape.networks.dropout_places import DROPOUTS
from weightscape.study import recipes

Config = Mapping[str, Any]


INSIDE = "dropout_inside"
"""The family whose doses name their places for each backbone."""


def doses(config: Config, family: str) -> list[str]:
    """The doses of a family, the baseline first."""
    return [BASELINE, *config["families"][family]["doses"]]


def dose_values(config: Config, family: str, dose: str) -> dict[str, Any]:
    """The typed values of a dose; empty for the baseline."""
    return {} if dose == BASELINE else dict(config["families"][family]["doses"][dose])


def dose_number(config: Config, family: str, dose: str) -> float:
    """The number by which a family's doses are ordered and plotted; for the baseline that which changes nothing."""
    if dose == BASELINE:
        return baseline_number(family)
    return numbers(config, family, dose)[config["families"][family]["axis"]]


def numbers(config: Config, family: str, dose: str) -> dict[str, float]:
    """The numbers of a dose, by which its family may be ordered: its own, and those of its recipe."""
    values = dose_values(config, family, dose)
    if values.get("recipe") in recipes.names(config):
        asked = recipes.recipe(config, values["recipe"])
        values |= {key: asked[key] for key in recipes.numbers(config)}
    return {key: float(value) for key, value in values.items() if type(value) in (int, float)}


def action(config: Config, family: str, dose: str, backbone: str | None = None) -> dict[str, Any]:
    """What a condition does at training time, with neutral values for all that it leaves alone.

    A dose that states its dropouts per backbone has none without `backbone`.
    """
    values = dose_values(config, family, dose)
    decays = family in ("weight_decay", "dropout_decay") and bool(values)
    return {
        "operations": operations(family, values),
        "noise": values["sigma"] if family == "noise" and values else 0.0,
        "dropout": _dropped(family, values, backbone),
        "weight_decay": {
            "decay": values["decay"] if decays else 0.0,
            "coupled": values["coupled"] if decays else False,
            "head": values.get("decay_head", True),
            "norms": values.get("decay_norms", False),
        },
        "items": listed(family, values),
    }


def listed(family: str, values: Mapping[str, Any]) -> dict[str, float]:
    """What a dose makes of the item list, as shares of its items; `copies` are items beyond the first of an image."""
    share = values.get("share", 0.0)
    added = share / (1 + share)
    return {
        "synthetic_share": {"synthetic_add": added, "synthetic_replace": share}.get(family, 0.0),
        "extra_share": added if family == "real_add" else 0.0,
        "changed_labels": share if family == "label_noise" else 0.0,
        "copies": share if family == "duplicate" else 0.0,
    }


def _dropped(family: str, values: Mapping[str, Any], backbone: str | None) -> dict[str, float]:
    """The drop rate of each place."""
    rates: Mapping[str, float] = values if family in ("dropout", "dropout_decay") else {}
    if family == INSIDE and values:
        places: list[str] = values["places"].get(backbone, [])
        rates = dict.fromkeys(places, float(values["rate"]))
    return {place: rates.get(place, 0.0) for place in DROPOUTS}


def operations(family: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The augmentations of a dose."""
    if family == "augment":
        return values.get("operations", [])
    return [{"name": "resample", "size": values["size"]}] if family == "resolution" and values else []


def training(config: Config, family: str, dose: str) -> dict[str, Any]:
    """The settings of the training loop; equal in every condition but those of `steps`."""
    settings = dict(config["finetune"])
    if family == "steps" and dose != BASELINE:
        settings["steps"] = round(settings["steps"] * dose_values(config, family, dose)["factor"])
    return settings
