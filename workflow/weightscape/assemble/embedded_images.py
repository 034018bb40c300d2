"""Embeds stored images once, however many item lists name them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from weightscape.assemble.loaded import Items
from weightscape.diversity.measure import Comparisons
from weightscape.diversity.rows import Rows
from weightscape.diversity.spaces import BATCH, Spaces, rows_by_space
from weightscape.formats.shards import read_labels
from weightscape.formats.tables import read_columns
from weightscape.networks.building import as_unit
from weightscape.provenance.records import place

Place = tuple[str, int]
"""Where an image is stored: its shard, from the stage folder on, and its number there."""


def places_of(item_list: Path) -> list[Place]:
    """The place of each item of a list."""
    table = read_columns(item_list)
    return list(zip(table["shard"].tolist(), table["index"].tolist(), strict=True))


def places_in(shards: Sequence[Path]) -> list[Place]:
    """The place of each image of shards, in order."""
    return [(place(shard), number) for shard in shards for number in range(len(read_labels(shard)))]


def stored(items: Items, numbers: np.ndarray) -> Tensor:
    """Images of some items as they are stored, on the items' device, whether these are held there or mapped."""
    if isinstance(items.images, Tensor):
        return items.images[numbers]
    return items.images.gather(numbers, False).to(items.device)


class EmbeddedImages:
    """Embeddings of the images of a study's shards, by space; those of an image that is new are made and kept."""

    def __init__(self, spaces: Spaces, fixed: Mapping[str, Comparisons], real: list[Place], held_out: list[Place]):
        """`fixed` has the embeddings of the images at `real` and of the first of those at `held_out`, by space."""
        self.spaces = spaces
        self.rows: dict[str, Rows] = {}
        count = 0
        for space in spaces:
            known = [rows for rows in (fixed[space].baseline, fixed[space].reference) if rows is not None]
            self.rows[space], count = np.concatenate(known), len(known[-1])
        self.number = {image: number for number, image in enumerate([*real, *held_out[:count]])}

    def of(self, items: Items, places: list[Place]) -> dict[str, Rows]:
        """The embeddings of items that lie at these places, by space."""
        if not self.spaces:
            return {}
        first = {image: item for item, image in reversed(list(enumerate(places))) if image not in self.number}
        new = sorted(first.values())
        if new:
            made = rows_by_space(self.spaces, self._batches(items, np.array(new)))
            self.number |= {places[item]: number for number, item in enumerate(new, start=len(self.number))}
            self.rows = {space: np.concatenate([rows, made[space]]) for space, rows in self.rows.items()}
        numbers = [self.number[image] for image in places]
        return {space: rows[numbers] for space, rows in self.rows.items()}

    @staticmethod
    def _batches(items: Items, numbers: np.ndarray) -> Iterator[Tensor]:
        for start in range(0, len(numbers), BATCH):
            yield as_unit(stored(items, numbers[start : start + BATCH]))
