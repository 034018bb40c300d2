"""Sets of images on disk: shards of uint8 `images` [n, c, h, w] and int64 `labels` [n] with one manifest.

Never one file per image. A shard is a safetensors file, so that it can be read in part and memory-mapped.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.formats.writing import replacing

HEADER_UNIT = 8  # the header of a safetensors file is padded with spaces to a multiple of this


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [n, c, h, w] with labels int64 [n]."""

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise ValueError(f"images must be uint8 [n, c, h, w], got {self.images.dtype} {self.images.shape}")
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"labels must have shape ({len(self.images)},), got {self.labels.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray | slice) -> "ImageSet":
        """The images and labels of some rows."""
        return ImageSet(self.images[rows], self.labels[rows])


def picture(image: np.ndarray) -> int:
    """The digest of a stored image."""
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=7).digest())


def shard_names(count: int) -> list[str]:
    """File names of a set's shards."""
    return [f"shard-{number:05d}.safetensors" for number in range(count)]


def write_shards(folder: Path, content: ImageSet, shards: int) -> list[Path]:
    """Write a set as `shards` nearly equal files, in order."""
    bounds = np.linspace(0, len(content), shards + 1).round().astype(int)
    paths = [folder / name for name in shard_names(shards)]
    for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True):
        write_shard(path, content.take(slice(start, stop)))
    return paths


def write_shard(path: Path, content: ImageSet) -> None:
    """Write one shard."""
    write_tensors(path, {"images": content.images, "labels": content.labels.astype(np.int64)})


def read_shard(path: Path | str) -> ImageSet:
    """Read one shard."""
    tensors = read_tensors(path)
    for name in ("images", "labels"):
        if name not in tensors:
            raise UserError(f"{path} has no tensor {name!r} (it has {', '.join(sorted(tensors))}): make it again")
    try:
        return ImageSet(tensors["images"], tensors["labels"])
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def read_shards(paths: Sequence[Path | str]) -> ImageSet:
    """Read shards and join them in the given order."""
    parts = [read_shard(path) for path in paths]
    return ImageSet(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


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
    """Write a shard of at most `most` images of `shape` [c, h, w] that come in parts; how many came.

    Only one part is in memory. The file is what `write_shard` makes: labels, then images.
    """

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


def map_shard(path: Path | str) -> ImageSet:
    """A shard whose images are mapped from the file and read only where they are used."""
    at, header = _places(path)
    try:
        images = header["images"]
        start = at + images["data_offsets"][0]
        pixels = np.memmap(path, np.uint8, "r", start, tuple(images["shape"]))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{path} is not a whole shard of images ({error}): delete it and make it again") from None
    return ImageSet(pixels, read_labels(path))


def read_labels(path: Path | str) -> np.ndarray:
    """The labels of a shard, without its pixels."""
    return _numbers(path, "labels")


def read_indices(path: Path | str, first: int) -> np.ndarray:
    """The index of each image of a generator's shard within its class; they count from `first` where none are kept."""
    if "indices" in _places(path)[1]:
        return _numbers(path, "indices")
    labels = read_labels(path)
    numbers = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        numbers[rows] = first + np.arange(len(rows))
    return numbers


def _numbers(path: Path | str, name: str) -> np.ndarray:
    """A tensor of int64 [n] of a shard."""
    at, header = _places(path)
    try:
        start, stop = header[name]["data_offsets"]
        with Path(path).open("rb") as stream:
            stream.seek(at + start)
            labels = np.frombuffer(stream.read(stop - start), "<i8")
        if len(labels) != header[name]["shape"][0]:
            raise ValueError(f"its {name} are cut off")
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} is not a whole shard of images ({error}): delete it and make it again") from None
    return labels.astype(np.int64)


def _places(path: Path | str) -> tuple[int, dict[str, Any]]:
    """Where the tensors of a whole safetensors file start, and its header."""
    try:
        with Path(path).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            start, header = 8 + length, json.loads(stream.read(length))
            lacking = start + max(header[name]["data_offsets"][1] for name in header if name != "__metadata__")
            lacking -= stream.seek(0, os.SEEK_END)
        if lacking > 0:
            raise ValueError(f"its last {lacking} bytes are missing")
        return start, header
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, OSError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error}): delete it and make it again") from None
