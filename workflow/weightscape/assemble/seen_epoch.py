"""Measures the diversity of one seeded epoch of images as the network sees them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.formats.shards import map_shard
from weightscape.seeds import seed as named_seed

SHOWN = 20
"""Images kept for the figures."""


def seen_batch(images: Any, settings: dict[str, Any], seed: int, first: int) -> Any:
    """Images from `first` on of one epoch, uint8 [n, c, h, w], as float in [0, 1], each augmented by its own draws."""
    import torch

    from weightscape.augmentations.draws import Draws
    from weightscape.augmentations.policy import augmented
    from weightscape.networks.building import as_unit

    rows = torch.arange(first, first + len(images))
    draws = Draws(seed, torch.zeros_like(rows), rows)
    return augmented(as_unit(images), draws, settings["operations"], settings["noise"])


def stored(items: Any, first: int, last: int) -> Any:
    """Images of some items as they are stored, whether these are held in memory or mapped."""
    import torch

    rows = np.arange(first, min(last, len(items)))
    if isinstance(items.images, torch.Tensor):
        return items.images[rows]
    return items.images.gather(rows, False)


def seen_epoch(items: Any, settings: dict[str, Any], seed: int) -> Iterator[Any]:
    """One epoch in batches, in order."""
    from weightscape.diversity.spaces import BATCH

    for first in range(0, len(items), BATCH):
        yield seen_batch(stored(items, first, first + BATCH), settings, seed, first)


def pictures(seen: Any) -> np.ndarray:
    """Images in [0, 1] as uint8."""
    import torch

    return (seen * 255).round().to(torch.uint8).numpy()


def measure_seed(
    items: Any,
    spaces: dict[str, Any],
    fixed: dict[str, dict[str, Any]],
    judge: dict[str, np.ndarray],
    settings: dict[str, Any],
    seed: int,
) -> tuple[dict[str, Any], np.ndarray]:
    """Records by space of one seed's item list, and the first images as the network sees them.

    The judge's record is the share of the images as the network sees them that it assigns to their class.
    """
    from weightscape.diversity.measure import measure
    from weightscape.diversity.settings import DiversitySettings
    from weightscape.diversity.spaces import rows_by_space
    from weightscape.generate.judge import predict

    judged = {"judge": lambda seen: predict(judge, pictures(seen)).argmax(1)}
    rows = rows_by_space(spaces | judged, seen_epoch(items, settings, seed))
    records = {}
    for name in spaces:
        real = len(fixed[name]["baseline"])
        records[name] = measure(
            rows[name],
            items.labels.numpy(),
            **fixed[name],
            appended_from=real if settings["adds"] and len(items) > real else None,
            settings=DiversitySettings.from_mapping(settings["measures"]),
            rng=np.random.default_rng(seed),
        )
    recognised = rows["judge"] == items.true_labels.numpy()
    records["judge"] = {"judge_accuracy": float(recognised.mean())}
    shown = seen_batch(stored(items, 0, SHOWN), settings, seed, 0)
    return records, pictures(shown)


def fixed_rows(
    spaces: dict[str, Any], real: list[Path], reference: list[Path], most: int, noise: int
) -> dict[str, dict[str, Any]]:
    """What every seed is compared with, by space: the real training set, held-out images at most, and pure noise."""
    import torch

    from weightscape.diversity.spaces import BATCH, rows_by_space
    from weightscape.networks.building import as_unit

    shape = map_shard(real[0]).images.shape[1:]
    source = torch.Generator().manual_seed(named_seed("measure_diversity", "noise"))
    sets = {
        "baseline": (as_unit(torch.from_numpy(part)) for part in batches(real)),
        "reference": (as_unit(torch.from_numpy(part)) for part in batches(reference, most)),
        "noise": (torch.rand(min(BATCH, noise - first), *shape, generator=source) for first in range(0, noise, BATCH)),
    }
    rows = {name: rows_by_space(spaces, parts) for name, parts in sets.items()}
    return {space: {name: rows[name][space] for name in sets} for space in spaces}


def batches(shards: list[Path], most: int | None = None) -> Iterator[np.ndarray]:
    """The images of shards in order, at most `most` of them, uint8 [n, c, h, w]."""
    from weightscape.diversity.spaces import BATCH

    for path in shards:
        images = map_shard(path).images[:most]
        most = None if most is None else most - len(images)
        for first in range(0, len(images), BATCH):
            yield np.array(images[first : first + BATCH])
