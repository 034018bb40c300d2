"""Sets of images on disk: shards of uint8 `images` [n, c, h, w] and int64 `labels` [n] with one manifest.

Never one file per image. A shard is a safetensors file, so that it can be read in part and memory-mapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weightscape.errors import UserError
from weightscape.files import read_tensors, write_tensors


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
