"""The training items of a list as tensors that stay on the device for the whole run."""

from pathlib import Path

import numpy as np
import torch

from weightscape.files import read_columns
from weightscape.images import map_shard
from weightscape.records import results_of
from weightscape.training import Items


def load_items(path: Path, device: torch.device) -> tuple[Items, list[Path]]:
    """The images and labels of an item list, on the device, and the shards that they came from."""
    table = read_columns(path)
    root = results_of(path)
    shards = sorted(set(table["shard"]))
    content = {shard: map_shard(root / shard).images for shard in shards}
    images = np.empty((len(table["shard"]), *next(iter(content.values())).shape[1:]), np.uint8)
    for shard, pixels in content.items():
        rows = np.flatnonzero(table["shard"] == shard)
        images[rows] = pixels[table["index"][rows]]
    tensors = (torch.from_numpy(np.array(table[column])) for column in ("label", "true_label"))
    synthetic = torch.from_numpy(np.array(table["origin"] != "real"))
    items = Items(*(part.to(device) for part in (torch.from_numpy(images), *tensors, synthetic)))
    return items, [root / shard for shard in shards]
