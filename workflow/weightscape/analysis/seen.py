"""Which out-of-distribution sets are no shift for a family, because it trains on the same kind of change."""

from collections.abc import Mapping
from typing import Any

KINDS = {
    "affine": "rotation",
    "erasing": "occlusion",
    "gaussian_noise": "noise",
}
"""Augmentation to the kind of corruption that it contains."""


def seen_kinds(family: str, doses: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The kinds of corruption in a family's own policy."""
    if family == "noise":
        return {"noise"}
    operations = [operation for values in doses.values() for operation in values.get("operations", [])]
    return {KINDS.get(operation["name"], operation["name"]) for operation in operations}


def seen_splits(ood: Mapping[str, Mapping[str, Any]], kinds: set[str]) -> list[str]:
    """The splits of a data set whose corruption is of one of these kinds."""
    return [f"ood-{name}" for name, block in ood.items() if block.get("kind") in kinds]
