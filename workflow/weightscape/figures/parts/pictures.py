"""Montages of small images from the rows of table `samples`."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from weightscape.figures.parts import style

GAP = 1  # pixels between images
PAPER = 255


def image_of(row: Any) -> np.ndarray:
    """One image [height, width, 3], uint8, of a row with pixels, channels, height and width."""
    shape = (int(row.channels), int(row.height), int(row.width))
    image = np.frombuffer(row.pixels, np.uint8).reshape(shape).transpose(1, 2, 0)
    return np.repeat(image, 3, axis=2) if shape[0] == 1 else image


def montage(table: style.Table, down: str, across: str) -> np.ndarray:
    """Images in a grid [height, width, 3]: rows by the values of column `down`, columns by rank within it."""
    size = (int(table["height"].max()), int(table["width"].max()))
    groups = [group.sort_values(across) for _, group in table.groupby(down, sort=True)]
    columns = max(map(len, groups))
    sheet = np.full((len(groups) * (size[0] + GAP) - GAP, columns * (size[1] + GAP) - GAP, 3), PAPER, np.uint8)
    for i, group in enumerate(groups):
        for j, row in enumerate(group.itertuples()):
            image = image_of(row)
            top, left = i * (size[0] + GAP), j * (size[1] + GAP)
            sheet[top : top + image.shape[0], left : left + image.shape[1]] = image
    return sheet


def show(axis: Axes, sheet: np.ndarray) -> None:
    """A montage without ticks, one screen pixel block per pixel."""
    axis.imshow(sheet, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
