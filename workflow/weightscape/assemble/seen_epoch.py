"""Measures the diversity of one seeded epoch of images as the network sees them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from weightscape.assemble.diversity_settings import MeasureDiversitySettings
from weightscape.assemble.embedded_images import EmbeddedImages, Place, stored
from weightscape.assemble.loaded import Items
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.policy import augmented
from weightscape.diversity.measure import Comparisons, measure
from weightscape.diversity.rows import Record, Rows
from weightscape.diversity.spaces import BATCH, PIXELS, Spaces, pixels, rows_by_space
from weightscape.generate.judge import predict
from weightscape.networks.building import as_unit

SHOWN = 20  # images kept for the figures


def seen_batch(images: Tensor, settings: MeasureDiversitySettings, seed: int, first: int) -> Tensor:
    """Images from `first` on of one epoch, uint8 [n, c, h, w], as float in [0, 1], each augmented by its own draws."""
    rows = torch.arange(first, first + len(images))
    draws = Draws(seed, torch.zeros_like(rows), rows, images.device)
    return augmented(as_unit(images), draws, settings.operations, settings.noise)


def seen_epoch(items: Items, settings: MeasureDiversitySettings, seed: int) -> Iterator[Tensor]:
    """One epoch in batches, in order."""
    for first in range(0, len(items), BATCH):
        images = stored(items, np.arange(first, min(first + BATCH, len(items))))
        yield seen_batch(images, settings, seed, first)


def pictures(seen: Tensor) -> np.ndarray:
    """Images in [0, 1] as uint8."""
    return (seen * 255).round().to(torch.uint8).cpu().numpy()


@dataclass(frozen=True)
class Compared:
    """Embeddings, the rows to compare with by space, and the judge, by which every seed of a condition is measured."""

    embedded: EmbeddedImages
    fixed: Mapping[str, Comparisons]
    judge: Mapping[str, np.ndarray]


def measure_seed(
    items: Items, places: list[Place], compared: Compared, settings: MeasureDiversitySettings, seed: int
) -> tuple[dict[str, Record], np.ndarray]:
    """Records by space (`judge`: the share that it recognises) of one seed's items, and the first images as seen."""
    rows = seen_rows(items, places, compared, settings, seed)
    records = {}
    for space, fixed in compared.fixed.items():
        appended = settings.adds and fixed.baseline is not None and len(items) > len(fixed.baseline)
        records[space] = measure(
            rows[space],
            items.labels.cpu().numpy(),
            fixed,
            settings.measures,
            np.random.default_rng(seed),
            appended_from=len(fixed.baseline) if appended and fixed.baseline is not None else None,
        )
    recognised = rows["judge"] == items.true_labels.cpu().numpy()
    records["judge"] = {"judge_accuracy": float(recognised.mean())}
    shown = seen_batch(stored(items, np.arange(min(SHOWN, len(items)))), settings, seed, 0)
    return records, pictures(shown)


def seen_rows(
    items: Items, places: list[Place], compared: Compared, settings: MeasureDiversitySettings, seed: int
) -> dict[str, Rows]:
    """The rows of an epoch by space, and what the judge takes its images for.

    Images that nothing acts on are seen as they are stored, so that their embeddings are made once for all lists.
    """
    spaces: Spaces = {PIXELS: pixels, "judge": lambda seen: predict(compared.judge, pictures(seen)).argmax(1)}
    if settings.acts:
        return rows_by_space({**spaces, **compared.embedded.spaces}, seen_epoch(items, settings, seed))
    return rows_by_space(spaces, seen_epoch(items, settings, seed)) | compared.embedded.of(items, places)
