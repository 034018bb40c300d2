"""Settings of the stage `assemble`: what a condition makes of the list of real training images."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ItemChange:
    """How a list of items differs from the real one.

    `share` is the share of the real items that is mislabelled, made a copy, or replaced, or the number of added items
    per real one. `recipe` names the generator's images that are added or put in place of real ones; without it these
    are further real images. The rule chooses the shards by it.
    """

    kind: Literal["none", "mislabel", "duplicate", "add", "replace"]
    share: float
    recipe: str | None


@dataclass(frozen=True)
class AssembleSettings:
    """The change of the real list, and the seed of its draws."""

    change: ItemChange
    seed: int


UNCHANGED = ItemChange("none", 0.0, None)
