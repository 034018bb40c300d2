"""Writes a shard of images that come in parts, by one process or several, so that only one part is in memory.

The file is what `shards.write_shard` makes: header, labels, images.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weightscape.formats.shards import ImageSet
from weightscape.formats.writing import replacing

HEADER_UNIT = 8  # the header of a safetensors file is padded with spaces to a multiple of this


@dataclass(frozen=True)
class Room:
    """The room for images of `shape` [c, h, w] in a shard that is being written; any process may put images there."""

    path: Path
    start: int
    shape: tuple[int, ...]

    def put(self, row: int, images: np.ndarray) -> None:
        """Write images uint8 [n, c, h, w] as the rows from `row` on."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images of a shard must have shape {list(self.shape)}, got {list(images.shape[1:])}")
        with self.path.open("r+b") as stream:
            stream.seek(self.end(row))
            stream.write(np.ascontiguousarray(images).data)

    def move(self, row: int, to: int, count: int) -> None:
        """Write `count` images that lie at `row` as the rows from `to` on."""
        size = count * math.prod(self.shape)
        self.put(to, np.fromfile(self.path, np.uint8, size, offset=self.end(row)).reshape(count, *self.shape))

    def end(self, rows: int) -> int:
        """The byte at which so many rows end."""
        return self.start + rows * math.prod(self.shape)


def write_shard_in_parts(path: Path, most: int, shape: Sequence[int], parts: Iterable[ImageSet]) -> int:
    """Write a shard of at most `most` images of `shape` [c, h, w] that come in parts; how many came."""

    def fill(room: Room) -> Iterator[tuple[int, np.ndarray]]:
        row = 0
        for part in parts:
            room.put(row, part.images)
            yield row, part.labels
            row += len(part)

    return write_shard_in_room(path, most, shape, fill)


def write_shard_in_room(
    path: Path, most: int, shape: Sequence[int], fill: Callable[[Room], Iterable[tuple[int, np.ndarray]]]
) -> int:
    """Write a shard whose images `fill` puts into its room, in any order and by any process; how many there are.

    `fill` yields, in rising order, the row from which on images lie and their labels; gaps between them are closed.
    Room for `most` labels is left before the first image; if fewer came, the header before them is padded with as many
    spaces.
    """
    most, count = int(most), 0
    labels: list[np.ndarray] = []
    with replacing(path) as temporary:
        temporary.touch()
        start = len(_header(most, shape)) + 8 * most
        room = Room(temporary, start, tuple(map(int, shape)))
        for row, part in fill(room):
            if row > count:
                room.move(row, count, len(part))
            labels.append(part.astype("<i8"))
            count += len(part)
        with temporary.open("r+b") as stream:
            stream.truncate(room.end(count))
            stream.write(_header(count, shape, start - 8 * count))
            stream.write(np.concatenate([np.empty(0, "<i8"), *labels]).tobytes())
    return count


def _header(count: int, shape: Sequence[int], length: int = 0) -> bytes:
    """The start of a shard's file up to its tensors, in `length` bytes if given (8 of them for the length)."""
    count = int(count)
    first, last = 8 * count, count * (8 + int(np.prod(shape)))
    tensors = {
        "labels": {"dtype": "I64", "shape": [count], "data_offsets": [0, first]},
        "images": {"dtype": "U8", "shape": [count, *map(int, shape)], "data_offsets": [first, last]},
    }
    text = json.dumps(tensors, separators=(",", ":")).encode()
    padded = length - 8 if length else -(-len(text) // HEADER_UNIT) * HEADER_UNIT
    return padded.to_bytes(8, "little") + text.ljust(padded)
