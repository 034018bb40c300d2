"""Measures the diversity of one seeded epoch of images as the network sees them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.assemble.loaded import Items
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.policy import augmented
from weightscape.diversity.measure import Comparisons, measure
from weightscape.diversity.rows import Record
from weightscape.diversity.spaces import BATCH, rows_by_space
from weightscape.formats.shards import map_shard
from weightscape.generate.judge import predict
from weightscape.networks.building import as_unit
from weightscape.seeds import seed as named_seed

SHOWN = 20  # images kept for the figures

Spaces = Mapping[str, Callable[[Tensor], np.ndarray]]
"""Functions from images [n, c, h, w] in [0, 1] to rows, by the name of the space."""


def seen_batch(images: Tensor, settings: MeasureDiversitySettings, seed: int, first: int) -> Tensor:
    """Images from `first` on of one epoch, uint8 [n, c, h, w], as float in [0, 1], each augmented by its own draws."""
    rows = torch.arange(first, first + len(images))
    draws = Draws(seed, torch.zeros_like(rows), rows, images.device)
    return augmented(as_unit(images), draws, settings.operations, settings.noise)


def stored(items: Items, first: int, last: int) -> Tensor:
    """Images of some items as they are stored, on the items' device, whether these are held there or mapped."""
    if isinstance(items.images, Tensor):
        return items.images[first:last]
    return items.images.gather(np.arange(first, min(last, len(items))), False).to(items.device)


def seen_epoch(items: Items, settings: MeasureDiversitySettings, seed: int) -> Iterator[Tensor]:
    """One epoch in batches, in order."""
    for first in range(0, len(items), BATCH):
        yield seen_batch(stored(items, first, first + BATCH), settings, seed, first)


def pictures(seen: Tensor) -> np.ndarray:
    """Images in [0, 1] as uint8."""
    return (seen * 255).round().to(torch.uint8).cpu().numpy()


def measure_seed(
    items: Items,
    spaces: Spaces,
    fixed: Mapping[str, Comparisons],
    judge: Mapping[str, np.ndarray],
    settings: MeasureDiversitySettings,
    seed: int,
) -> tuple[dict[str, Record], np.ndarray]:
    """Records by space (`judge`: the share that it recognises) of one seed's items, and the first images as seen."""
    judged = {"judge": lambda seen: predict(judge, pictures(seen)).argmax(1)}
    rows = rows_by_space({**spaces, **judged}, seen_epoch(items, settings, seed))
    records = {}
    for name in spaces:
        baseline = fixed[name].baseline
        appended = settings.adds and baseline is not None and len(items) > len(baseline)
        records[name] = measure(
            rows[name],
            items.labels.cpu().numpy(),
            fixed[name],
            settings.measures,
            np.random.default_rng(seed),
            appended_from=len(baseline) if appended and baseline is not None else None,
        )
    recognised = rows["judge"] == items.true_labels.cpu().numpy()
    records["judge"] = {"judge_accuracy": float(recognised.mean())}
    shown = seen_batch(stored(items, 0, SHOWN), settings, seed, 0)
    return records, pictures(shown)


def fixed_rows(
    spaces: Spaces, real: list[Path], reference: list[Path], most: int, noise: int
) -> dict[str, Comparisons]:
    """The rows that every seed is compared with, by space: real training images, `most` held-out ones, pure noise."""
    shape = map_shard(real[0]).images.shape[1:]
    source = torch.Generator().manual_seed(named_seed("measure_diversity", "noise"))
    sets = {
        "baseline": (as_unit(torch.from_numpy(images)) for images in batches(real)),
        "reference": (as_unit(torch.from_numpy(images)) for images in batches(reference, most)),
        "noise": (torch.rand(min(BATCH, noise - first), *shape, generator=source) for first in range(0, noise, BATCH)),
    }
    rows = {name: rows_by_space(spaces, images) for name, images in sets.items()}
    return {space: Comparisons(**{name: rows[name][space] for name in sets}) for space in spaces}


def batches(shards: list[Path], most: int | None = None) -> Iterator[np.ndarray]:
    """The images of shards in order, at most `most` of them, uint8 [n, c, h, w]."""
    for path in shards:
        images = map_shard(path).images[:most]
        most = None if most is None else most - len(images)
        for first in range(0, len(images), BATCH):
            yield np.array(images[first : first + BATCH])
