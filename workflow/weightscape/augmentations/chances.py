"""Computes the share of images that a policy of augmentations changes."""

from collections.abc import Iterable, Mapping
from typing import Any

IMAGE_DEPENDENT = ("flip", "erasing", "resample", "autoaugment", "randaugment", "trivialaugment", "augmix")
"""Operations that leave some images as they are: symmetric ones, erased on a border that is black anyway, or where
the draw of an automatic policy has no effect on them."""


def changed_share(operations: Iterable[Mapping[str, Any]], noise: float) -> float:
    """The share of images that a policy acts on, at most all that change: flips and erasing spare some by chance."""
    spared = 1.0 - (noise > 0)
    for operation in operations:
        spared *= 1 - chance(operation)
    return 1 - spared


def surely_changed_share(operations: Iterable[Mapping[str, Any]], noise: float) -> float:
    """The share of images that a policy changes whatever they show."""
    return changed_share([one for one in operations if one["name"] not in IMAGE_DEPENDENT], noise)


def chance(operation: Mapping[str, Any]) -> float:
    """The probability that an operation acts on an image; 0 where its magnitudes are those that change nothing."""
    match operation["name"]:
        case "flip":
            return 1 - (1 - operation.get("horizontal", 0.0)) * (1 - operation.get("vertical", 0.0))
        case "erasing":
            return operation["probability"] * (operation["area"] > 0)
        case "affine":
            return float(any(operation[name] > 0 for name in ("degrees", "translate", "scale", "shear")))
        case "elastic":
            return float(operation["alpha"] > 0)
        case "gaussian_noise":
            return float(operation["sigma"] > 0)
        case _:
            return 1.0
