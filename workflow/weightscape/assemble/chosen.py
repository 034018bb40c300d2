"""Chooses the images that are added or put in place of real ones by the diversity that they add.

`order` is 1 for the image that was chosen first and 0 for the real ones; `gain` is what it added to those before it, in
the unit of the method, NaN where nothing was compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from weightscape.assemble.items import Counts
from weightscape.assemble.settings import ItemChoice
from weightscape.diversity import choice, spaces
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, map_shard
from weightscape.formats.tables import Table
from weightscape.generate import judge
from weightscape.networks.building import as_unit
from weightscape.networks.device import prepare


def images_of(items: Table, root: Path) -> np.ndarray:
    """The stored images of items, uint8 [n, c, h, w]; their shards lie below `root`."""
    parts, places = [], []
    for shard, rows in items.groupby("shard").indices.items():
        parts.append(map_shard(root / str(shard)).images[items["index"].to_numpy()[rows]])
        places.append(rows)
    return np.concatenate(parts)[np.argsort(np.concatenate(places))]


@dataclass
class DiversityChooser:
    """Chooses as `settings` say, with the `weights` of their network; `classes` is the number of classes.

    `facts` fills with the counts of the gate.
    """

    settings: ItemChoice
    root: Path
    weights: Mapping[str, np.ndarray]
    classes: int
    facts: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        prepare("cpu", 1)

    def offered(self, real: Table, pool: Table, rng: np.random.Generator) -> Table:
        """The items that pass the gate, of which a share is drawn, in their order."""
        self.facts["candidates"] = len(pool)
        if self.settings.gate is not None:
            known = ImageSet(images_of(real, self.root), real["label"].to_numpy())
            weights = judge.train(known, self.classes, self.settings.gate)
            recognised = judge.predict(weights, images_of(pool, self.root)).argmax(1)
            pool = pool[recognised == pool["label"].to_numpy()]
            if not len(pool):
                raise UserError(
                    f"the gate recognises none of {self.facts['candidates']} images: train the generator for more "
                    "steps, or set gate to none"
                )
        self.facts["passed"] = len(pool)
        drawn = np.sort(rng.permutation(len(pool))[: max(1, round(self.settings.pool * len(pool)))])
        return pool.iloc[drawn].reset_index(drop=True)

    def chosen(self, kept: Table, pool: Table, counts: Counts, rng: np.random.Generator) -> Table:
        """So many items of each class of the pool, by the diversity that they add to those kept."""
        labels = sorted(counts)
        pool = pool[pool["label"].isin(labels)].reset_index(drop=True)
        rows = self._rows()
        given = rows(images_of(kept, self.root)) if self.settings.given and len(kept) else None
        offered = choice.Pool(
            rows(images_of(pool, self.root)),
            given,
            np.searchsorted(labels, pool["label"].to_numpy()),
            np.array([counts[label] for label in labels]),
        )
        found = choice.choose(self.settings.method, offered, sum(counts.values()), rng)
        return pool.iloc[found.rows].assign(order=np.arange(1, len(found.rows) + 1), gain=found.gains)

    def _rows(self) -> Callable[[np.ndarray], np.ndarray]:
        network = self.settings.network
        embed = spaces.pixels if network is None else spaces.embedding(network, self.weights)

        def rows(images: np.ndarray) -> np.ndarray:
            starts = range(0, len(images), spaces.BATCH)
            return np.concatenate([embed(as_unit(torch.from_numpy(images[at : at + spaces.BATCH]))) for at in starts])

        return rows
