"""Copies of images within a split and across splits: equal ones, and near ones that JPEG or a resize has altered.

Equal images agree in every decoded pixel. For near ones an image is hashed to the 8 x 8 lowest coefficients of the
orthonormal cosine transform of its luma, which JPEG keeps better than colours, as in pHash (Zauner 2010), but as
numbers instead of signs; their distance is a root mean square in grey levels. The coefficients also tell those of the
image at half its size, whose damping is known. A near copy lies within 0.06 contrasts of its original, or within 0.3
and at less than 0.4 times the distance of the fifth nearest image: of 5,000 different digits, which are alike, 10 pass
for near copies of another (0.2 %), none of another class. Images of almost no contrast have equal copies only.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weightscape.errors import UserError
from weightscape.formats.shards import map_shard

SIDE = 8  # coefficients along an axis
LOW = 4  # of these, the ones by which candidates are found
CANDIDATES = 16
CLOSE, ALIKE, APART = 0.06, 0.3, 0.4  # the limits of near copies, in contrasts and in distances of the fifth nearest
FIFTH = 4
BLANK = 4.0  # grey levels of contrast below which images cannot be told apart
LEVELS = 12.0  # grey levels of contrast that count at least, as JPEG loses some levels in any image
AT_ONCE = 1024  # images that are compared in one piece
AT_ONCE_BYTES = 2_000_000  # of the images that are hashed in one piece, which stays in the cache
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as JPEG has it
ROWS = 28  # rows of pixels, or at most so many more, to which an image is brought before it is transformed

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Marks:
    """Of n images: digests uint64 [n], coefficients float32 [n, 64] in grey levels, labels [n], side in pixels."""

    digests: NDArray[np.uint64]
    coefficients: Floats
    labels: NDArray[np.int64]
    size: int

    @property
    def contrasts(self) -> Floats:
        """The root mean square of the grey levels about their mean [n], as far as the coefficients tell it."""
        return np.linalg.norm(self.coefficients[:, 1:], axis=1)


def marks(shards: Sequence[Path]) -> Marks:
    """The marks of all images in some shards, in order."""
    parts = [map_shard(path) for path in shards]
    step = max(1, AT_ONCE_BYTES // parts[0].images[0].size) if len(parts[0]) else AT_ONCE
    images = [part.images[at : at + step] for part in parts for at in range(0, len(part), step)]
    labels = np.concatenate([part.labels for part in parts])
    size = parts[0].images.shape[-1]
    digests = [digest(piece) for piece in images]
    hashes = [coefficients(piece) for piece in images]
    return Marks(
        np.concatenate([np.empty(0, np.uint64), *digests]),
        np.concatenate([np.empty((0, SIDE**2), np.float32), *hashes]),
        labels,
        size,
    )


def digest(images: np.ndarray) -> NDArray[np.uint64]:
    """A number of each image uint8 [n, c, h, w]: the sum of its 8-byte words, times odd weights, modulo 2^64."""
    rows = np.ascontiguousarray(images).reshape(len(images), math.prod(images.shape[1:]))
    if rows.shape[1] % 8:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8)))
    return np.einsum("ij,j->i", rows.view("<u8"), _weights(rows.shape[1] // 8))  # of all forms the fastest


@functools.cache
def _weights(words: int) -> NDArray[np.uint64]:
    return np.random.default_rng(0).integers(0, 2**64, words, np.uint64) | np.uint64(1)


def coefficients(images: np.ndarray) -> Floats:
    """The lowest cosine coefficients float32 [n, 64] of the luma of images uint8 [n, c, size, size]."""
    count, channels, size, _ = images.shape
    rows, down, across = _transforms(channels, size)
    pieces = images.reshape(count, channels * size // rows, rows, size)
    added = pieces[:, :, 0].astype(np.uint16)
    for row in range(1, rows):  # several times as fast as a sum over an axis
        added += pieces[:, :, row]
    return (np.matmul(down, added.astype(np.float32)) @ across).reshape(count, SIDE**2)


@functools.cache
def _transforms(channels: int, size: int) -> tuple[int, Floats, Floats]:
    """The number of pixel rows that are added up, and the transforms of columns (of all channels) and of rows."""
    rows = max(row for row in range(1, max(size // ROWS, 1) + 1) if size % row == 0)
    basis = _basis(size)[:SIDE].astype(np.float32) / size**0.5
    luma = LUMA if channels == len(LUMA) else np.full(channels, 1 / channels, np.float32)
    down = luma[:, None] * basis.reshape(SIDE, 1, -1, rows).mean(axis=3)
    return rows, down.reshape(SIDE, -1), np.ascontiguousarray(basis.T)


@functools.cache
def _basis(size: int) -> NDArray[np.float64]:
    """The orthonormal cosine transform of length `size`, as a matrix whose rows are its functions."""
    waves = np.cos(np.pi * (np.arange(size) + 0.5) * np.arange(size)[:, None] / size)
    return waves * np.where(np.arange(size) > 0, 2 / size, 1 / size)[:, None] ** 0.5


def dampings(size: int) -> list[Floats]:
    """How much of each coefficient [64] is left as it is, and after a resize by half by three filters, and back."""
    from PIL import Image

    def resized(to: int, kind: Image.Resampling, rows: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(rows.astype(np.float32)).resize((rows.shape[1], to), kind))

    basis, kinds = _basis(size)[:SIDE], Image.Resampling
    damped = [np.ones(SIDE**2, np.float32)]
    for kind in (kinds.BICUBIC, kinds.BILINEAR, kinds.BOX):
        halved = resized(size, kinds.BICUBIC, resized(max(size // 2, 1), kind, basis.T))
        left = np.einsum("ij,ji->i", basis, halved)
        damped.append(np.outer(left, left).ravel().astype(np.float32))
    return damped


@dataclass(frozen=True)
class Found:
    """Of n images: whether each has an equal or a near copy, its first copy (-1: none), and one of another class."""

    equal: NDArray[np.bool_]
    near: NDArray[np.bool_]
    copy: NDArray[np.int64]
    other_class: NDArray[np.bool_]

    def counts(self) -> dict[str, int]:
        """For the manifest."""
        kinds = {"equal": self.equal, "near": self.near, "other_class": self.other_class}
        return {name: int(mask.sum()) for name, mask in kinds.items()}


def find(images: Marks, among: Marks | None = None) -> Found:
    """The copies of images among others, or among themselves."""
    itself, among = among is None, images if among is None else among
    equal, copy, other = _equal(images, among, itself)
    near = np.zeros(len(equal), bool)
    rows = np.flatnonzero(~equal & (images.contrasts >= BLANK))
    for start in range(0, len(rows), AT_ONCE):
        part = rows[start : start + AT_ONCE]
        places = _near(images, among, part, itself)
        hit = part[places >= 0]
        near[hit], copy[hit] = True, places[places >= 0]
        other[hit] = images.labels[hit] != among.labels[copy[hit]]
    return Found(equal, near, copy, other)


def _equal(images: Marks, among: Marks, itself: bool) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Which images have an equal one, the first of them, and which have one of another class."""
    order = np.lexsort((np.arange(len(among.digests)), among.digests))
    digests = among.digests[order]
    first, last = (np.searchsorted(digests, images.digests, side) for side in ("left", "right"))
    equal = last - first > int(itself)
    copy = np.full(len(equal), -1, np.int64)
    other = np.zeros(len(equal), bool)
    for row in np.flatnonzero(equal):
        places = order[first[row] : last[row]]
        places = places[places != row] if itself else places
        copy[row] = places[0]
        other[row] = (among.labels[places] != images.labels[row]).any()
    return equal, copy, other


def _near(images: Marks, among: Marks, rows: NDArray[np.int64], itself: bool) -> NDArray[np.int64]:
    """The place of the near copy of each of some images, or -1."""
    from scipy.spatial import KDTree

    low = np.arange(SIDE**2).reshape(SIDE, SIDE)[:LOW, :LOW].ravel()
    count = min(CANDIDATES + itself, len(among.labels))
    tree = KDTree(among.coefficients[:, low])
    places = np.reshape(tree.query(images.coefficients[rows][:, low], count)[1], (len(rows), count))
    ours, theirs = images.coefficients[rows][:, None], among.coefficients[places]
    distances = np.full(places.shape, np.inf, np.float32)
    for damping in dampings(images.size):
        for one, other in ((ours * damping, theirs), (ours, theirs * damping)):
            np.minimum(distances, np.linalg.norm(one - other, axis=2), out=distances)
    if itself:
        distances[places == rows[:, None]] = np.inf
    order = np.argsort(distances, axis=1)
    distances, places = np.take_along_axis(distances, order, 1), np.take_along_axis(places, order, 1)
    nearest, fifth = distances[:, 0], distances[:, min(FIFTH, count - 1)]
    contrast = images.contrasts[rows]
    alike = (nearest <= ALIKE * np.maximum(contrast, LEVELS)) & (nearest <= APART * fifth)
    return np.where((nearest <= CLOSE * contrast) | (alike & np.isfinite(nearest)), places[:, 0], -1)


def facts(shards: Sequence[Path], others: Sequence[Path], limit: float, name: str) -> dict[str, object]:
    """Counts the copies in the split `name`, and in the splits that the other shards are of; too many: `UserError`."""
    images = marks(shards)
    within = find(images)
    counted: dict[str, dict[str, int]] = {}
    _refuse(within.other_class, within, images, limit, name)
    for folder in dict.fromkeys(path.parent for path in others):
        found = find(images, marks([path for path in others if path.parent == folder]))
        counted[folder.name] = found.counts()
        _refuse(found.equal | found.near, found, images, limit, folder.name)
    for where, counts in {name: within.counts(), **counted}.items():
        if any(counts.values()):
            print(
                f"copies: of {len(images.labels)} images of {name}, {counts['equal']} equal and {counts['near']} "
                f"nearly equal others in {where}, {counts['other_class']} of them under another class"
            )
    return {"limit": limit, "within": within.counts(), "across": counted}


def _refuse(copies: NDArray[np.bool_], found: Found, images: Marks, limit: float, split: str) -> None:
    count = int(copies.sum())
    if count > limit * len(images.labels):
        row = int(np.flatnonzero(copies)[0])
        of_class = " under another class" if copies is found.other_class else ""
        raise UserError(
            f"{count} of {len(images.labels)} images are copies of images of the split {split!r}{of_class}, but "
            f"`copies` is {limit:g}; the first is image {row}, which is image {found.copy[row]} there: remove the "
            "copies, or raise `copies`"
        )
