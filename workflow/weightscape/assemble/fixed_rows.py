"""Makes the rows that every condition is compared with: of real training images, of held-out ones, of pure noise."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from weightscape.diversity.rows import Rows
from weightscape.diversity.spaces import BATCH, Spaces, rows_by_space
from weightscape.formats.shards import map_shard
from weightscape.networks.building import as_unit
from weightscape.seeds import seed as named_seed


def fixed_rows(
    spaces: Spaces, real: Sequence[Path], reference: Sequence[Path], most: int, noise: int
) -> dict[str, dict[str, Rows]]:
    """Rows by space and set: of all real training images, `most` held-out images and `noise` images of pure noise."""
    shape = map_shard(real[0]).images.shape[1:]
    source = torch.Generator().manual_seed(named_seed("measure_diversity", "noise"))
    sets = {
        "baseline": (as_unit(torch.from_numpy(images)) for images in batches(real)),
        "reference": (as_unit(torch.from_numpy(images)) for images in batches(reference, most)),
        "noise": (torch.rand(min(BATCH, noise - first), *shape, generator=source) for first in range(0, noise, BATCH)),
    }
    rows = {name: rows_by_space(spaces, images) for name, images in sets.items()}
    return {space: {name: rows[name][space] for name in sets} for space in spaces}


def batches(shards: Sequence[Path], most: int | None = None) -> Iterator[np.ndarray]:
    """The images of shards in order, at most `most` of them, uint8 [n, c, h, w]."""
    for path in shards:
        images = map_shard(path).images[:most]
        most = None if most is None else most - len(images)
        for first in range(0, len(images), BATCH):
            yield np.array(images[first : first + BATCH])
