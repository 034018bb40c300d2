"""Looks at the images of a data set before a study is planned: sizes, colours, faults, and copies across parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightscape.data import copies
from weightscape.data.decoding import Form, Unreadable, from_picture, opened
from weightscape.data.pools import Pool
from weightscape.data.splits import split_rows
from weightscape.starter.data_set import PIXEL_LIMIT

MOST = 6000
"""Images that are looked at; of larger sets a sample, stratified by class."""
SIDE = 32
LEVELS = 8
"""Grey levels within which pixels count as one ground, and channels as equal."""
PLAIN = 0.4
"""Share of the commonest grey level above which an image shows something on a plain ground."""


@dataclass(frozen=True)
class Part:
    """One part as it was seen: images uint8 [n, 3, 32, 32] with labels, sides in px, faults."""

    images: np.ndarray
    labels: np.ndarray
    sides: list[int]
    faults: list[tuple[str, str]]


@dataclass(frozen=True)
class Looked:
    """The images that were looked at, of how many; median and range of their shorter sides in px; their channels.

    `is_drawn`: most show something on a plain ground, as digits and drawings do. `unreadable` names files and reasons.
    `copied` is the largest share of a part that are copies of others, `copies` tells each kind. `lost` are classes of
    which nothing in the training part can be read. `train` are the images of that part.
    """

    looked: int
    total: int
    side: int
    sides: tuple[int, int]
    channels: int
    is_drawn: bool
    unreadable: tuple[tuple[str, str], ...]
    copied: float
    copies: tuple[str, ...]
    lost: tuple[str, ...]
    train: Part


def look(pools: Mapping[str, Pool], most: int = MOST) -> Looked:
    """Looks at the images of the parts of a data set."""
    total = sum(len(pool.labels) for pool in pools.values())
    share = min(1.0, most / total)
    parts = {name: _part(pool, share) for name, pool in pools.items()}
    images = np.concatenate([part.images for part in parts.values()])
    sides = [side for part in parts.values() for side in part.sides]
    train = pools["train"]
    read = set(parts["train"].labels.tolist())
    lost = [train.classes[label] for label in np.unique(train.labels) if label not in read] if share == 1 else []
    copied, sentences = _copies(parts)
    return Looked(
        len(images) + sum(len(part.faults) for part in parts.values()),
        total,
        int(np.median(sides)) if sides else SIDE,
        (min(sides, default=SIDE), max(sides, default=SIDE)),
        1 if _are_grey(images) else 3,
        _are_drawn(images),
        tuple(fault for part in parts.values() for fault in part.faults),
        copied,
        tuple(sentences),
        tuple(lost),
        parts["train"],
    )


def _part(pool: Pool, share: float) -> Part:
    rows = np.arange(len(pool.labels))
    if share < 1:
        count = max(1, round(share * len(rows)))
        rows = np.sort(split_rows(pool.labels, {"looked": count}, np.random.default_rng(0))["looked"])
    images, labels, sides, faults = [], [], [], []
    for row in rows:
        try:
            side, image = _seen(pool, int(row))
        except Unreadable as fault:
            faults.append((pool.name(int(row)), str(fault)))
        else:
            images.append(image)
            labels.append(pool.labels[row])
            sides.append(side)
    array = np.stack(images) if images else np.empty((0, 3, SIDE, SIDE), np.uint8)
    return Part(array, np.array(labels, np.int64), sides, faults)


def _seen(pool: Pool, row: int) -> tuple[int, np.ndarray]:
    """The shorter side of an image in px, and the image at 32 px."""
    form = Form(SIDE, 3, PIXEL_LIMIT)
    with opened(lambda: _picture(pool, row), form) as picture:
        side = min(picture.size)
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # JPEG is decoded at a fraction of its size
        return side, from_picture(picture, form)


def _picture(pool: Pool, row: int) -> Any:
    """One image of a pool: its file, or a picture of PIL."""
    from PIL import Image

    at = np.array([row])
    if pool.encoded is not None:
        return pool.encoded(at)[0]
    if pool.pixels is not None:
        array = pool.pixels(at)[0]
        return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array)
    assert pool.picture is not None
    return pool.picture(row)


def _are_grey(images: np.ndarray) -> bool:
    """Whether the channels of nearly all images agree, but for the rounding of JPEG."""
    spread = images.max(axis=1).astype(int) - images.min(axis=1)
    return len(images) > 0 and bool((np.percentile(spread, 95, axis=(1, 2)) <= LEVELS).mean() > 0.98)


def _are_drawn(images: np.ndarray) -> bool:
    """Whether most images show something on a plain ground: one grey level, give or take, covers much of them."""
    bins = (images.mean(axis=1) / (2 * LEVELS)).astype(int).reshape(len(images), -1)
    commonest = [np.bincount(image).max() / len(image) for image in bins]
    return bool(commonest) and float(np.median(commonest)) > PLAIN


def _copies(parts: Mapping[str, Part]) -> tuple[float, list[str]]:
    """The largest share of a part that are copies of other images, and a sentence on each kind of copy."""
    marks = {
        name: copies.Marks(copies.digest(part.images), copies.coefficients(part.images), part.labels, SIDE)
        for name, part in parts.items()
        if len(part.images) > 1
    }
    most, sentences = 0.0, []
    for name, images in marks.items():
        for other, among in marks.items():
            if other != name and other != "train":
                continue
            found = copies.find(images, None if other == name else among)
            counts, total = found.counts(), len(images.labels)
            if count := counts["equal"] + counts["near"]:
                where = "there" if other == name else f"in {other}"
                under = f", {counts['other_class']} of them under another class" if counts["other_class"] else ""
                kinds = {"equal": counts["equal"], "nearly equal": counts["near"]}
                told = f"{' and '.join(f'{n} {kind}' for kind, n in kinds.items() if n)} others {where}{under}"
                sentences.append(f"of {total} images of {name}, {told}")
                most = max(most, count / total)
    return most, sentences
