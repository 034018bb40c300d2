"""Corrupted test images: an OOD split that is made from the clean shards of the split `test`.

Kinds and severities are after Hendrycks & Dietterich (2019, arXiv 1903.12261), with magnitudes relative to the image's
side so that they fit 28 px and 224 px alike. Each image draws its own randomness from the given generator, in order.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from weightscape.data import splits
from weightscape.data.settings import CorruptSettings
from weightscape.errors import UserError
from weightscape.formats.shard_room import write_shard_in_parts
from weightscape.formats.shards import ImageSet, map_shard, shard_names
from weightscape.provenance.records import read_record

NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)  # standard deviation, in units of full scale
BLUR = (0.02, 0.03, 0.045, 0.06, 0.08)  # standard deviation of the Gaussian, in image sides
CONTRAST = (0.6, 0.45, 0.3, 0.2, 0.1)  # factor on the distance to the image's mean
ROTATION = (10, 20, 30, 45, 60)  # degrees, either way
OCCLUSION = (0.2, 0.28, 0.36, 0.44, 0.52)  # side of the grey square, in image sides


def corrupt(images: np.ndarray, kind: str, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Corrupted uint8 images [n, c, h, w]; `kind` as in `KINDS`, severity in 1..5."""
    scaled = images.astype(np.float64) / 255
    changed = np.stack([KINDS[kind](image, severity - 1, rng) for image in scaled])
    return (changed.clip(0, 1) * 255).round().astype(np.uint8)


def _noise(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    return image + NOISE[level] * rng.standard_normal(image.shape)


def _blur(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    from scipy import ndimage

    width = BLUR[level] * image.shape[-1]
    return ndimage.gaussian_filter(image, (0, width, width))


def _contrast(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    mean = image.mean()
    return (image - mean) * CONTRAST[level] + mean


def _rotation(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    from scipy import ndimage

    angle = ROTATION[level] * rng.choice((-1, 1))
    return ndimage.rotate(image, angle, axes=(2, 1), reshape=False, order=1)


def _occlusion(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    side = round(OCCLUSION[level] * image.shape[-1])
    top, left = (rng.integers(0, size - side + 1) for size in image.shape[1:])
    changed = image.copy()
    changed[:, top : top + side, left : left + side] = 0.5
    return changed


KINDS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "noise": _noise,
    "blur": _blur,
    "contrast": _contrast,
    "rotation": _rotation,
    "occlusion": _occlusion,
}

AT_ONCE = 32  # images that are corrupted in one piece, in float64


def corrupted_count(images: str | int, test: int) -> int:
    """Counts the images that a corruption takes of `test` ones; a `UserError` if it asks for more."""
    count = test if images == splits.ALL else int(images)
    if count > test:
        raise UserError(f"{count} images are asked for, but the test split has {test}: lower `images`, or write all")
    return count


def write_corrupted(out: Path, settings: CorruptSettings, test: list[Path]) -> tuple[list[Path], dict[str, object]]:
    """Write corrupted test images, in pieces; each image draws its own randomness in turn. Returns files and facts."""
    rng = np.random.default_rng(settings.seed)
    clean = [map_shard(path) for path in test]
    available = sum(map(len, clean))
    facts = read_record(test[0].parent / "manifest.json")["facts"]
    unreadable = facts.get("unreadable", {}).get("skipped", 0)
    count = min(corrupted_count(settings.images, available + unreadable), available)
    bounds = np.linspace(0, count, settings.shards + 1).round().astype(int)
    paths = [out / name for name in shard_names(settings.shards)]
    labels = np.concatenate([shard.labels for shard in clean])[:count]
    for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True):
        pieces = (
            ImageSet(corrupt(np.asarray(piece.images), settings.kind, settings.severity, rng), piece.labels)
            for piece in _between(clean, start, stop)
        )
        write_shard_in_parts(path, stop - start, clean[0].images.shape[1:], pieces)
    return paths, splits.facts(labels, facts["shape"], facts["classes"])


def _between(shards: list[ImageSet], start: int, stop: int) -> Iterator[ImageSet]:
    """The images `start` to `stop` of the shards one after the other, in small pieces."""
    first = 0
    for shard in shards:
        low, high = max(start - first, 0), min(stop - first, len(shard))
        for at in range(low, high, AT_ONCE):
            yield shard.take(slice(at, min(at + AT_ONCE, high)))
        first += len(shard)
