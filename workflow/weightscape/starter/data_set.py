"""A data set that a new study may be about: how its config names it, and its images as far as they can be opened."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from weightscape.data.pools import Pool
from weightscape.study import Config
from weightscape.study.checks.names import RESERVED, SPLITS
from weightscape.study.config import default_config

PIXEL_LIMIT = 178_956_970


@dataclass(frozen=True)
class DataSet:
    """A data set as its config names it (`block`, without the images' form and the splits).

    `pools` are its parts `train`, `val` and `test`, if they can be opened; `counts` are images by part, which may be
    known without. `largest` is the share of the images that the largest class has, `domains` are shifted test sets.
    `side` and `channels` are those of a set that cannot be looked at. `notes` tell the user what was found.
    """

    name: str
    block: Config
    classes: int
    counts: Mapping[str, int]
    largest: float
    pools: Mapping[str, Pool] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    side: int = 64
    channels: int = 3
    is_drawn: bool = False
    notes: tuple[str, ...] = ()


def name_of(text: str) -> str:
    """A name for paths from that of a folder, file or set; none that config.yaml or the folders use."""
    name = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.") or "study"
    taken = {*RESERVED, *SPLITS, *(default_config() or {}).get("data", {}), *(default_config() or {}).get("study", {})}
    return f"{name}-images" if name in taken or name == "judge" else name
