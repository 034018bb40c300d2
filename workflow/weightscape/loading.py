"""The training items of a list, on the device for the whole run if they fit there, else memory-mapped."""

from pathlib import Path

import numpy as np
import torch

from weightscape.checkpoints import open_checkpoint
from weightscape.errors import UserError
from weightscape.feed import EXTRA, REAL, SYNTHETIC, Items, Mapped
from weightscape.files import read_columns
from weightscape.images import read_shard
from weightscape.records import results_of

ORIGINS = {"real": REAL, "extra": EXTRA}
SHARE_OF_MEMORY = 0.5
"""The most of a device's free memory that images may take."""

NEEDED = {"shard", "index", "label", "true_label", "origin"}
"""Columns of an item list that say what is trained on."""


def load_items(path: Path, device: torch.device, resident: bool | None = None) -> tuple[Items, list[Path]]:
    """The items of a list, and the shards that their images are in.

    `resident` decides whether the images are held on the device; by default they are if they take less than half of
    its free memory.
    """
    table = read_columns(path)
    if missing := NEEDED - set(table):
        raise UserError(f"{path} is no item list (without {', '.join(sorted(missing))}): make it again")
    root = results_of(path)
    shards, shard_of = np.unique(table["shard"].astype(str), return_inverse=True)
    paths = [root / shard for shard in shards]
    pixels = [_images(shard) for shard in paths]
    if not len(shard_of) or (table["index"] < 0).any() or (table["index"] >= [len(pixels[n]) for n in shard_of]).any():
        raise UserError(f"{path} names no image, or one that its shard does not have: make the list again")
    mapped = Mapped(pixels, shard_of, table["index"])
    if resident is None:
        resident = _bytes(mapped) < SHARE_OF_MEMORY * _free_memory(device)
    labels, true_labels = (torch.from_numpy(np.array(table[column])) for column in ("label", "true_label"))
    origins = torch.tensor([ORIGINS.get(origin, SYNTHETIC) for origin in table["origin"]], dtype=torch.int8)
    rows = np.stack([shard_of, table["index"]])
    sources = torch.from_numpy(np.unique(rows, axis=1, return_inverse=True)[1].reshape(-1))
    images = _resident(paths, mapped).to(device) if resident else mapped
    return Items(images, *(part.to(device) for part in (labels, true_labels, origins, sources))), paths


def _images(shard: Path) -> np.ndarray:
    """The images of a shard, memory-mapped."""
    tensors = open_checkpoint(shard)
    if "images" not in tensors:
        raise UserError(f"{shard} has no tensor 'images' (it has {', '.join(sorted(tensors))}): make it again")
    return tensors["images"]


def _resident(paths: list[Path], mapped: Mapped) -> torch.Tensor:
    """All images of the items in one array."""
    images = np.empty((len(mapped.row_of), *mapped.shards[0].shape[1:]), np.uint8)
    for number, path in enumerate(paths):
        rows = np.flatnonzero(mapped.shard_of == number)
        images[rows] = read_shard(path).images[mapped.row_of[rows]]
    return torch.from_numpy(images)


def _bytes(mapped: Mapped) -> int:
    return len(mapped.row_of) * int(np.prod(mapped.shards[0].shape[1:]))


def _free_memory(device: torch.device) -> int:
    """Bytes free on the device; on the CPU, of the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available
