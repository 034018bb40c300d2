"""The training items of a list, on the device for the whole run if they fit there, else memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from weightscape.errors import UserError
from weightscape.formats.shards import map_shard, picture, read_labels
from weightscape.formats.tables import read_columns
from weightscape.provenance.records import results_of

REAL, EXTRA, SYNTHETIC = 0, 1, 2  # origins of an item: the real training set, further real images, the generator


@dataclass(frozen=True)
class Mapped:
    """Images of memory-mapped shards, by item: `shard_of` and `row_of` int64 [n]."""

    shards: Sequence[np.ndarray]
    shard_of: np.ndarray
    row_of: np.ndarray

    def gather(self, rows: np.ndarray, pinned: bool) -> Tensor:
        """uint8 images [len(rows), c, h, w] in memory of the host."""
        batch = torch.empty((len(rows), *self.shards[0].shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        for place, row in enumerate(rows):
            batch[place] = torch.from_numpy(np.array(self.shards[int(self.shard_of[row])][int(self.row_of[row])]))
        return batch


@dataclass(frozen=True)
class Items:
    """Training items: uint8 images [n, c, h, w] on the device or mapped; the rest, [n], is on the device.

    `origins` is one of REAL, EXTRA, SYNTHETIC; `sources` numbers the different images that the items refer to; `real`
    has the digests of the real training images, where some items are none.
    """

    images: Tensor | Mapped
    labels: Tensor
    true_labels: Tensor
    origins: Tensor
    sources: Tensor
    real: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the labels are, and where batches go."""
        return self.labels.device

    def description(self) -> dict[str, float]:
        """Counts and shares of the list, which a run's proof of action is held against."""
        return {
            "items": len(self),
            "unique_images": int(self.sources.unique().numel()),
            "synthetic_share": (self.origins == SYNTHETIC).float().mean().item(),
            "extra_share": (self.origins == EXTRA).float().mean().item(),
            "changed_labels": (self.labels != self.true_labels).float().mean().item(),
        }


ORIGINS = {"real": REAL, "extra": EXTRA}
SHARE_OF_MEMORY = 0.5  # the most of a device's free memory that images may take

READ_AT_ONCE = 20 * 10**9
"""Bytes of real images that are read to know their copies; of more, only those that the run draws are known."""

NEEDED = {"shard", "index", "label", "true_label", "origin"}  # columns of an item list that say what is trained on


def load_items(
    path: Path, device: torch.device, resident: bool | None = None, real: Sequence[Path] = ()
) -> tuple[Items, list[Path]]:
    """The items of a list, and the shards that their images, and the real ones beside them, are in.

    `real` are the shards of the real training set, read where some items are not of it: none of these may be a copy.
    By default images are `resident` on the device if they take less than half of its free memory.
    """
    table = read_columns(path)
    if missing := NEEDED - set(table):
        raise UserError(f"{path} is no item list (without {', '.join(sorted(missing))}): make it again")
    root = results_of(path)
    shards, shard_of = np.unique(table["shard"].astype(str), return_inverse=True)
    paths = [root / shard for shard in shards]
    pixels = [np.asarray(map_shard(shard).images) for shard in paths]
    if not len(shard_of) or (table["index"] < 0).any() or (table["index"] >= [len(pixels[n]) for n in shard_of]).any():
        raise UserError(f"{path} names no image, or one that its shard does not have: make the list again")
    mapped = Mapped(pixels, shard_of, table["index"])
    stored = [read_labels(shard) for shard in paths]
    starts = np.cumsum([0, *(len(part) for part in stored)])[shard_of]
    if (np.concatenate(stored)[starts + table["index"]] != table["true_label"]).any():
        raise UserError(f"{path} has true labels that its shards do not have: make the list again")
    if resident is None:
        resident = len(shard_of) * pixels[0][0].nbytes < SHARE_OF_MEMORY * _free_memory(device)
    labels, true_labels = (torch.from_numpy(np.array(table[column])) for column in ("label", "true_label"))
    origins = torch.tensor([ORIGINS.get(origin, SYNTHETIC) for origin in table["origin"]], dtype=torch.int8)
    rows = np.stack([shard_of, table["index"]])
    sources = torch.from_numpy(np.unique(rows, axis=1, return_inverse=True)[1].reshape(-1))
    images = _resident(paths, mapped).to(device) if resident else mapped
    real_images = _digests(real) if bool((origins != REAL).any()) else frozenset()
    read = [*paths, *(shard for shard in real if real_images and shard not in paths)]
    columns = (column.to(device) for column in (labels, true_labels, origins, sources))
    return Items(images, *columns, real=real_images), read


def _digests(shards: Sequence[Path]) -> frozenset[int]:
    """Digests of the images of shards, where they are few enough to be read within a minute; else none."""
    if sum(shard.stat().st_size for shard in shards) > READ_AT_ONCE:
        return frozenset()
    return frozenset(picture(image) for shard in shards for image in map_shard(shard).images)


def _resident(paths: list[Path], mapped: Mapped) -> torch.Tensor:
    images = np.empty((len(mapped.row_of), *mapped.shards[0].shape[1:]), np.uint8)
    for number, path in enumerate(paths):
        rows = np.flatnonzero(mapped.shard_of == number)
        images[rows] = map_shard(path).images[mapped.row_of[rows]]
    return torch.from_numpy(images)


def _free_memory(device: torch.device) -> int:
    """Bytes free on the device; on the CPU, of the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available
