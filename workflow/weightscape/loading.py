"""The training items of a list as tensors that stay on the device for the whole run."""

from pathlib import Path

import numpy as np
import torch

from weightscape.errors import UserError
from weightscape.files import read_columns
from weightscape.images import read_shard
from weightscape.records import results_of
from weightscape.training import Items

NEEDED = {"shard", "index", "label", "true_label", "origin"}
"""Columns of an item list that say what is trained on."""


def load_items(path: Path, device: torch.device) -> tuple[Items, list[Path]]:
    """The images and labels of an item list, on the device, and the shards that they came from."""
    table = read_columns(path)
    if missing := NEEDED - set(table):
        raise UserError(f"{path} is no item list (without {', '.join(sorted(missing))}): make it again")
    root = results_of(path)
    shards = sorted(set(table["shard"]))
    content = {shard: read_shard(root / shard).images for shard in shards}
    for shard, pixels in content.items():
        rows = table["index"][table["shard"] == shard]
        if rows.min() < 0 or rows.max() >= len(pixels):
            raise UserError(f"{path} names image {rows.max()} of {shard}, which has {len(pixels)}: make the list again")
    images = np.empty((len(table["shard"]), *next(iter(content.values())).shape[1:]), np.uint8)
    for shard, pixels in content.items():
        rows = np.flatnonzero(table["shard"] == shard)
        images[rows] = pixels[table["index"][rows]]
    tensors = (torch.from_numpy(np.array(table[column])) for column in ("label", "true_label"))
    synthetic = torch.from_numpy(np.array(table["origin"] != "real"))
    items = Items(*(part.to(device) for part in (torch.from_numpy(images), *tensors, synthetic)))
    return items, [root / shard for shard in shards]
