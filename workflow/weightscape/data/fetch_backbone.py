"""Downloads the weights that timm names."""

from collections.abc import Mapping
from typing import Any

from weightscape.networks.pretrained import from_timm


def fetch(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fill the cache; facts: the number of tensors."""
    return {"tensors": len(from_timm(settings["model"], network=True))}
