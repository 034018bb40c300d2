"""Loads what is measured at trained weights beside the evaluation: a fixed batch of images, and a run's network."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from weightscape.formats.shards import map_shard
from weightscape.formats.tensors import read_tensors
from weightscape.networks import building
from weightscape.networks.settings import NetworkSettings
from weightscape.provenance.records import read_record


def fixed_batch(paths: list[Path], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of a split (all, if it has fewer) and their labels, drawn by `seed`."""
    shards = [map_shard(path) for path in paths]
    sizes = np.array([len(shard.labels) for shard in shards])
    rows = np.sort(np.random.default_rng(seed).permutation(sizes.sum())[:count])
    shard_of = np.searchsorted(np.cumsum(sizes), rows, side="right")
    row_of = rows - (np.cumsum(sizes) - sizes)[shard_of]
    images = np.stack([shards[shard].images[row] for shard, row in zip(shard_of, row_of, strict=True)])
    return images, np.array([shards[shard].labels[row] for shard, row in zip(shard_of, row_of, strict=True)])


def trained(
    run: Path, settings: NetworkSettings, device: torch.device, dropout: Mapping[str, float] | None = None
) -> nn.Module:
    """The network of a run with its trained weights, and with `dropout` at the rate of each place that drops."""
    model = building.network(settings.model, read_record(run / "manifest.json")["facts"]["classes"], dropout)
    building.load_weights(model, read_tensors(run / "after.safetensors"))
    return building.prepared(model, device)
