"""A data set that a new study may be about: how its config names it, and its images as far as they can be opened."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from weightscape.data import sources
from weightscape.data.pools import Pool, of_classes
from weightscape.data.settings import source_of
from weightscape.errors import UserError
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

    def without(self, lost: Sequence[str]) -> "DataSet":
        """The data set without some classes, of which nothing can be read."""
        if not lost:
            return self
        kept = [name for name in self.chosen or self.pools["train"].classes if name not in lost]
        if len(kept) < 2:
            raise UserError(f"{self.name} has readable images of {len(kept)} classes: a study needs two or more")
        pools = {part: of_classes(pool, kept) for part, pool in self.pools.items()}
        sizes = np.bincount(pools["train"].labels)
        return replace(
            self,
            classes=len(kept),
            counts={part: len(pool.labels) for part, pool in pools.items() if len(pool.labels)},
            largest=float(sizes.max() / sizes.sum()),
            pools=pools,
            chosen=tuple(kept),
        )


def opened(name: str, block: Config, as_read: Config, chosen: Sequence[str] = ()) -> DataSet:
    """Opens and counts the parts of a data set; `as_read` is its block with all that opening needs."""
    form = {"size": 32, "channels": 3, "pixel_limit": PIXEL_LIMIT}
    asked = {"image": form, "classes": list(chosen) or "all", "per_class": "all", "unreadable": 0.0}
    pools = sources.opened(source_of({**as_read, **asked}))
    pools = {part: pool for part, pool in pools.items() if len(pool.labels)}
    sizes = np.bincount(pools["train"].labels)
    if np.count_nonzero(sizes) < 2:
        place = as_read.get("root") or name
        raise UserError(f"{place} has images of one class ({pools['train'].classes[0]}): a study needs two or more")
    return DataSet(
        name,
        block,
        int(np.count_nonzero(sizes)),
        {part: len(pool.labels) for part, pool in pools.items()},
        float(sizes.max() / sizes.sum()),
        pools,
        tuple(chosen),
    )


def name_of(text: str) -> str:
    """A name for paths from that of a folder, file or set; none that config.yaml or the folders use."""
    plain = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9.-]+", "-", bare).strip("-.") or "study"
    taken = {*RESERVED, *SPLITS, *(default_config() or {}).get("data", {}), "digits"}
    return f"{name}-images" if name in taken or name == "judge" else name
