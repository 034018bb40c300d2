"""The sizes of a new study: images per split, pixels, steps, families and seeds, from the data and the time."""

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from weightscape.errors import UserError
from weightscape.starter.data_set import DataSet
from weightscape.study.checks import amounts

FULL = ("augment", "noise", "dropout", "weight_decay", "label_noise", "duplicate", "real_add", "steps")
"""Families that give C1, C2, C3, C5, C6 and C9 what they need."""
CORE = ("augment", "dropout", "weight_decay", "duplicate", "real_add")
"""Families without which only few claims are left: C2 needs the others."""
SYNTHETIC = ("synthetic_add", "synthetic_replace")
BATCH = 32
MANY = 200
"""Images to draw from, of which a fifth is drawn for a split; of fewer less."""
LEAST_TRAIN = 10
"""Images to train on, of which nine tenths can still be copies."""


@dataclass(frozen=True)
class Size:
    """The side of stored images and of inputs in px, images per split, steps of a run, families, seeds, networks."""

    pixels: int
    input: int
    splits: Mapping[str, int]
    steps: int
    families: tuple[str, ...]
    seeds: int
    networks: int = 1


STEPS = (
    (224, 20_000, 16),
    (160, 8000, 14),
    (128, 4000, 12),
    (96, 2000, 10),
    (96, 1400, 9),
    (64, 1400, 9),
    (64, 1000, 8),
    (48, 1000, 8),
    (48, 700, 7),
    (40, 600, 6),
    (32, 500, 6),
    (32, 400, 5),
    (24, 300, 4),
)
"""Side in px, images to train on, and epochs of them, from large to small."""
SHORT = 4
"""The last of these, which are tried with one network and with fewer seeds as well."""


def sizes(data: DataSet, side: int, unreadable: float = 0.0) -> Iterator[Size]:
    """The sizes that a study of a data set may have, the most telling first.

    `side` is that of the images in px; such a share of them may be unreadable. Two networks, which claim C4 needs, are
    tried with three seeds and all families down to small images; then one network, then two seeds, and fewer families.
    """
    size = functools.partial(_size, data, side, unreadable)
    yield replace(size(STEPS[0], FULL, 5), networks=2)
    yield from (replace(size(step, FULL, 3), networks=2) for step in STEPS[:-1])
    yield from (size(step, FULL, 3) for step in STEPS[-SHORT:-1])
    yield from (size(step, FULL, 2) for step in STEPS[-SHORT:])
    yield from (size(STEPS[-1], CORE, seeds) for seeds in (3, 2))


def _size(
    data: DataSet, side: int, unreadable: float, step: tuple[int, int, int], families: tuple[str, ...], seeds: int
) -> Size:
    pixels, images, epochs = step
    stored = max(8, min(side, max(pixels, 28)) // 4 * 4)
    splits = _splits(data, images, unreadable)
    steps = max(60, math.ceil(epochs * splits["train"] / BATCH))
    return Size(stored, max(min(pixels, max(side, 24)), 24), splits, steps, families, seeds)


def _splits(data: DataSet, most: int, unreadable: float) -> dict[str, int]:
    """Images per split: as many as the parts have, at most so many to train on, and as many further ones.

    Nobody knows in which split an unreadable image ends, so there are more further ones, by as many as may be such.
    """
    there = data.counts["train"]
    drawn = [name for name in ("val", "test") if name not in data.counts]
    if there < data.classes + 1 + len(drawn):
        raise UserError(
            f"{data.name} has {there} images of {data.classes} classes to train on: one of each class must be left for "
            "training beside those of the other splits, so add images or name fewer classes"
        )
    shares: dict[str, float] = dict.fromkeys(("val", "test"), 0.2 if there >= MANY else 0.15)
    limits = {"val": max(most // 3, min(most, 300)), "test": max(most, 500)}
    room = (there - data.classes - 1) // max(1, len(drawn))  # what leaves an image of each class, and a further one
    splits = {name: max(1, min(limits[name], round(shares[name] * there), room)) for name in drawn}
    splits |= {name: min(limits[name], data.counts[name]) for name in ("val", "test") if name in data.counts}
    rest = there - sum(splits[name] for name in drawn)
    least = min(data.classes, rest - 1)
    lost = amounts.unreadable(unreadable, {**splits, "train": rest // 2, "extra": min(most, rest // 2)})
    train = min(max(most, data.classes), max(math.ceil((rest - lost) / 2), least))
    if train < LEAST_TRAIN:
        raise UserError(
            f"{data.name} has {there} images to train on, which leaves {train} beside those of the other splits: a "
            f"study needs at least {LEAST_TRAIN}, so add images"
        )
    return {
        "train": train,
        "val": splits["val"],
        "test": splits["test"],
        "extra": max(1, min(rest - train, train + lost)),
    }
