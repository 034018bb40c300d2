"""Rows: the feature vectors of a set of images, as the diversity measures take them.

A row is what the network sees of one image: its pixels in [0, 1], flattened, or its embedding. The measures
of diversity compare directions (rows divided by their length), so that the kernel <x, y> / (|x| |y|) is 1 for
x = y, as the Vendi score demands. A blank row (all zeros) has no direction: all blank rows share one of their
own, at right angles to every other. Products are taken in float64, in blocks.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.floating]  # [rows, dimensions]
Square = NDArray[np.float64]  # [rows, rows]
Indices = NDArray[np.integer]  # [rows]
Record = dict[str, Any]  # measures by name, ready for JSON

LARGEST = 32  # px; the side to which larger images are brought before their pixels are compared
BLOCK = 2**21  # numbers in one float64 block: 16 MB, where products of 512 columns are fastest
PIECE = 2**17  # numbers that stay in a core's cache while they are scaled: 1 MB


def check_rows(name: str, features: Rows, dimensions: int | None = None, least: int = 1) -> None:
    """Refuse rows that no measure can use."""
    if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating):
        raise ValueError(f"{name} must be floats [rows, dimensions], got {features.dtype} {list(features.shape)}")
    if features.shape[0] < least or features.shape[1] < 1:
        raise ValueError(f"{name} must have at least {least} rows and one dimension, got {list(features.shape)}")
    if dimensions is not None and features.shape[1] != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got {features.shape[1]}")
    if not np.isfinite(features).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")


def unit_blocks(features: Rows) -> Iterator[tuple[NDArray[np.float64], int]]:
    """Directions in float64, a block at a time, each over the one before, and the blank rows in each."""
    size, piece = (max(1, numbers // features.shape[1]) for numbers in (BLOCK, PIECE))
    buffer = np.empty((min(size, len(features)), features.shape[1]))
    for start in range(0, len(features), size):
        part = features[start : start + size]
        block, blank = buffer[: len(part)], 0
        for first in range(0, len(part), piece):
            rows = block[first : first + piece]
            rows[...] = part[first : first + piece]
            blank += int(scale_to_unit(rows).sum())
        yield block, blank


def scale_to_unit(block: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Divide the rows of a block by their lengths, in place; the blank rows, as a mask, stay zero."""
    squares = np.einsum("ij,ij->i", block, block)
    extreme = ~((squares > 1e-200) & (squares < 1e200))  # squares that left the range of floats, or nearly
    if extreme.any():
        largest = np.abs(block[extreme]).max(axis=1)
        block[extreme] /= np.where(largest > 0, largest, 1)[:, None]
        squares[extreme] = np.einsum("ij,ij->i", block[extreme], block[extreme])
    blank = squares == 0
    block *= (1 / np.sqrt(squares + blank))[:, None]
    return blank


def unit_rows(features: Rows) -> NDArray[np.float64]:
    """The directions [rows, dimensions + 1]; the last column is 1 for blank rows and 0 for others."""
    directions = np.zeros((features.shape[0], features.shape[1] + 1))
    directions[:, :-1] = features
    directions[:, -1] = scale_to_unit(directions[:, :-1])
    return directions


def squared_distances(left: Rows, right: Rows) -> NDArray[np.float64]:
    """Squared Euclidean distances [rows of left, rows of right]; what is rounding alone is exactly 0."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    of_left, of_right = np.einsum("ij,ij->i", left, left), np.einsum("ij,ij->i", right, right)
    return distances_of_products(left @ right.T, of_left, of_right)


def distances_of_products(
    products: NDArray[np.float64], of_left: NDArray[np.float64], of_right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distances from the inner products and the squared lengths of both sides."""
    squares = products * -2
    squares += of_left[:, None]
    squares += of_right[None, :]
    squares[squares < 1e-13 * max(of_left.max(), of_right.max())] = 0
    return squares


def draw(rng: np.random.Generator, rows: int, size: int) -> Indices:
    """`size` of `rows` row numbers, without replacement, ascending; all of them if size >= rows."""
    return np.sort(rng.permutation(rows)[:size])
