"""The families of interventions: what each one changes, what it draws from, and how its doses are ordered.

This table is the only list of families. The config's schema states what a dose of each may hold, and the figures give
each a colour; tests hold both to this list.
"""

import math
from dataclasses import dataclass
from typing import Literal

BASELINE = "baseline"
"""The dose that changes nothing. Its runs form one pool, the reference of every family, which is named so too."""
POOL = BASELINE, BASELINE
"""The condition of these runs."""


@dataclass(frozen=True)
class Family:
    """One family of interventions.

    `changes` names what a dose changes: the stored `images` on their way to the network, the list of training `items`,
    the `batches` whose images and labels are mixed, the `network`, the `optimiser` or the number of `steps`. `items` is
    what becomes of the item list. `draws_from` is where further images come from: the generator or the split `extra`.
    `neutral` is the number of the baseline on the family's axis; it is NaN if the baseline has none, since the full
    size of images differs between data sets and is larger than every dose.
    """

    name: str
    title: str
    axis: str
    changes: tuple[Literal["images", "items", "batches", "network", "optimiser", "steps"], ...]
    items: Literal["mislabel", "duplicate", "add", "replace"] | None = None
    draws_from: Literal["generator", "extra"] | None = None
    is_control: bool = False
    neutral: float = 0.0


_ROWS = (
    Family("augment", "augment", "order of strength", ("images",)),
    Family("noise", "noise", "noise s.d.", ("images",)),
    Family("synthetic_add", "synthetic added", "synthetic share", ("items",), "add", "generator"),
    Family("synthetic_replace", "synthetic replacing", "synthetic share", ("items",), "replace", "generator"),
    Family("dropout", "dropout", "drop rate", ("network",)),
    Family("weight_decay", "weight decay", "decay", ("optimiser",)),
    Family("dropout_decay", "dropout and decay", "drop rate", ("network", "optimiser")),
    Family("dropout_inside", "dropout inside", "drop rate", ("network",)),
    Family("label_noise", "label noise", "share of wrong labels", ("items",), "mislabel", is_control=True),
    Family("duplicate", "duplicates", "share of duplicates", ("items",), "duplicate", is_control=True),
    Family("real_add", "real added", "share added", ("items",), "add", "extra", is_control=True),
    Family("steps", "steps", "multiple of steps", ("steps",), is_control=True, neutral=1.0),
    Family("resolution", "resolution", "size (px)", ("images",), is_control=True, neutral=math.nan),
    Family("mixup", "mixup", "mixup's alpha", ("batches",)),
    Family("real_select", "real chosen", "share added", ("items",), "add", "extra"),
)
FAMILIES = {family.name: family for family in _ROWS}
UNCHANGED = Family(BASELINE, BASELINE, "", ())
"""The family of the pool, which is no intervention."""


DIVERSITY_FAMILIES = tuple(
    row.name for row in _ROWS if "images" in row.changes or ("items" in row.changes and row.items != "mislabel")
)
"""Families that change how diverse the images are that the network sees; the diversity of their sets is measured."""
CONTROL_FAMILIES = tuple(row.name for row in _ROWS if row.is_control)
ITEM_FAMILIES = tuple(row.name for row in _ROWS if "items" in row.changes)
"""Families whose item list differs from the real training set; all others share that one list."""
SYNTHETIC_FAMILIES = tuple(row.name for row in _ROWS if row.draws_from == "generator")
DRAWING_FAMILIES = tuple(row.name for row in _ROWS if row.draws_from is not None)
"""Families that draw on images beside the real training set."""
REAL_IMAGE_FAMILIES = tuple(
    row.name for row in _ROWS if row.is_control and row.items in ("add", "duplicate") and row.draws_from != "generator"
)
"""Families that change the number of different real images, drawn at random, and nothing else."""
DIVERSITY, DROPOUT, DECAY = COMPARED = ("augment", "dropout", "weight_decay")
"""The central comparison: diversity in a claim is `augment`; noise and synthetic images stand apart."""


def named(family: str) -> Family:
    """The family of this name; for the pool of neutral runs the one that changes nothing."""
    return UNCHANGED if family == BASELINE else FAMILIES[family]


def needs_extra(family: str) -> bool:
    """Whether a family trains on further real images."""
    return named(family).draws_from == "extra"


def neutral(family: str) -> float:
    """The number of a family's baseline: NaN if it has none, 0 for other names (families of published tables)."""
    return FAMILIES[family].neutral if family in FAMILIES else 0.0


def baseline_number(family: str) -> float:
    """The number of a family's baseline in the tables, where every row needs one: 0 if it has none."""
    return 0.0 if math.isnan(neutral(family)) else neutral(family)


def strength(family: str, number: float) -> tuple[float, float]:
    """Orders the doses of a family from weak to strong: by distance from the baseline; ties go to the larger number.

    If the baseline is larger than every dose, the smaller dose is the stronger. Distances have 12 decimals, since
    1.4 - 1 is less than 1 - 0.6.
    """
    if math.isnan(neutral(family)):
        return -number, number
    return round(abs(number - neutral(family)), 12), number
