"""Sets of images on disk: shards of uint8 `images` [n, c, h, w] and int64 `labels` [n] with one manifest.

Never one file per image. A shard is a safetensors file, so that it can be read in part and memory-mapped.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.tensors import Entry, header, read_tensors, write_tensors


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


def map_shard(path: Path | str) -> ImageSet:
    """A shard whose images are mapped from the file and read only where they are used."""
    images = _entry(header(path), path, "images", "U8")
    try:
        pixels = np.memmap(path, np.uint8, "r", images.first, images.shape)
        return ImageSet(pixels, read_labels(path))
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is not a whole shard of images ({error}): delete it and make it again") from None


def read_labels(path: Path | str) -> np.ndarray:
    """The labels of a shard, without its pixels."""
    return _numbers(header(path), path, "labels")


def read_indices(path: Path | str, first: int) -> np.ndarray:
    """The index of each image of a generator's shard within its class; they count from `first` if none are kept."""
    entries = header(path)
    if "indices" in entries:
        return _numbers(entries, path, "indices")
    labels = _numbers(entries, path, "labels")
    numbers = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        numbers[rows] = first + np.arange(len(rows))
    return numbers


def _numbers(entries: Mapping[str, Entry], path: Path | str, name: str) -> np.ndarray:
    """A tensor of int64 [n] of a shard."""
    entry = _entry(entries, path, name, "I64")
    with Path(path).open("rb") as stream:
        stream.seek(entry.first)
        return np.frombuffer(stream.read(entry.last - entry.first), "<i8").astype(np.int64)


def _entry(entries: Mapping[str, Entry], path: Path | str, name: str, dtype: str) -> Entry:
    if name not in entries or entries[name].dtype != dtype:
        raise UserError(f"{path} is not a whole shard of images (no {name} of {dtype}): delete it and make it again")
    return entries[name]
