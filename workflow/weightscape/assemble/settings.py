"""Settings of the stage `assemble`: what a condition makes of the list of real training images."""

from dataclasses import dataclass
from typing import Literal

from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.networks.settings import NetworkSettings

CHOOSER = "assemble.chosen"
"""The module that makes a choice; the code of other lists does not depend on it."""
Method = Literal["random", "log_det", "vendi", "k_centre", "facility_location", "least_diverse"]


@dataclass(frozen=True)
class ItemChoice:
    """How further images are chosen (`diversity.choice`), in place of a draw.

    They are compared in the embedding of `network`, or without one by their pixels. With `gate`, only those are offered
    that a classifier recognises which is trained so on the baseline's images alone. `pool` is the share of the offered
    images that each seed draws before it chooses. `given` tells whether the real images count as already there.
    """

    method: Method
    network: NetworkSettings | None
    gate: TrainJudgeSettings | None
    given: bool
    pool: float


@dataclass(frozen=True)
class ItemChange:
    """How a list of items differs from the real one.

    `share` is the share of the real items that is mislabelled, made a copy, or replaced, or the number of added items
    per real one. `recipe` names the generator's images that are added or put in place of real ones; without it these
    are further real images. The rule chooses the shards by it. Without a `choice` the images are drawn at random.
    """

    kind: Literal["none", "mislabel", "duplicate", "add", "replace"]
    share: float
    recipe: str | None
    choice: ItemChoice | None


@dataclass(frozen=True)
class AssembleSettings:
    """The change of the real list, and the seed of its draws."""

    change: ItemChange
    seed: int


UNCHANGED = ItemChange("none", 0.0, None, None)
