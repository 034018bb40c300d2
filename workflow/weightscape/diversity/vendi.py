"""Vendi scores: the effective number of different rows in a set.

The score of order q is the exponential of the Renyi entropy of order q of the eigenvalues p of K / n, where K
is the cosine kernel of n rows (Friedman & Dieng 2023, eq. 1; Pasarkar & Dieng 2024 for q other than 1):

    VS_q = (sum p^q)^(1 / (1 - q)),   VS_1 = exp(-sum p log p),   VS_inf = 1 / max p.

It lies in [1, n] and grows with n, so sets are compared at a common number of rows, drawn *without*
replacement (the duplicates of a bootstrap lower the score) and at most half of the set, so that the draws
differ. The curve over sizes shows what a larger set adds. Two references are measured beside it: random
directions, where the score saturates, and noise images as the network sees them. Noise with a mean, such as
pixels in [0, 1], points mostly one way and can score below sparse images.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import BLOCK, Indices, Record, Rows, Square, draw, unit_blocks

ORDERS = (0.5, 1.0, 2.0, float("inf"))
NEAR_ONE = 1e-8  # orders that count as 1, whose formula loses as many digits as it is near
KERNEL_ROWS = 2048  # of the largest set whose kernel is kept: 32 MB

Scores = dict[str, float]


def spectrum(features: Rows) -> NDArray[np.float64]:
    """Positive eigenvalues of K / n, ascending; their sum is 1 to rounding.

    The smaller of K [rows, rows] and its dual [dimensions, dimensions] is decomposed.
    """
    rows, dimensions = features.shape
    if rows <= dimensions:
        return kernel_spectrum(cosine_kernel(features))
    dual, blank = np.zeros((dimensions, dimensions)), 0
    for block, blank_here in unit_blocks(features):
        blank += blank_here
        dual += block.T @ block
    positive = _positive(np.linalg.eigvalsh(dual) / rows, rows)
    return np.sort(np.append(positive, blank / rows)) if blank else positive


def kernel_spectrum(kernel: Square) -> NDArray[np.float64]:
    """Positive eigenvalues of K / n, ascending."""
    return _positive(np.linalg.eigvalsh(kernel) / len(kernel), len(kernel))


def _positive(eigenvalues: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Those above the rounding error of the product, which the order 1/2 would count."""
    size = max(rows, len(eigenvalues))
    return eigenvalues[eigenvalues > size * np.finfo(np.float64).eps * max(eigenvalues[-1], 0.0)]


def cosine_kernel(features: Rows) -> Square:
    """Cosines of all pairs of rows, summed over blocks of columns."""
    rows, dimensions = features.shape
    scale = np.abs(features).max(axis=1).astype(np.float64)
    blank = scale == 0
    scale[blank] = 1
    kernel = np.zeros((rows, rows))
    width = max(1, BLOCK // rows)
    for start in range(0, dimensions, width):
        block = features[:, start : start + width] / scale[:, None]
        kernel += block @ block.T
    length = np.sqrt(np.diagonal(kernel))
    length[blank] = 1
    kernel /= length[:, None]
    kernel /= length[None, :]
    kernel[np.ix_(blank, blank)] = 1
    return kernel


def score(eigenvalues: NDArray[np.float64], order: float) -> float:
    """The Vendi score of an order >= 0 from the eigenvalues of K / n; those below rounding do not count."""
    if not order >= 0:
        raise ValueError(f"order must be at least 0, got {order}")
    largest = eigenvalues.max()
    eigenvalues = eigenvalues[~(np.abs(eigenvalues) <= len(eigenvalues) * np.finfo(np.float64).eps * largest)]
    if abs(order - 1) < NEAR_ONE:
        return float(np.exp(-np.sum(eigenvalues * np.log(eigenvalues))))
    if np.isinf(order):
        return float(1 / largest)
    log_sum = np.log(np.sum((eigenvalues / largest) ** order)) + order * np.log(largest)
    return float(np.exp(log_sum / (1 - order)))


def scores_of(eigenvalues: NDArray[np.float64], orders: Sequence[float]) -> Scores:
    """The Vendi scores of some orders, by their names: 0.5, 1, 2, inf."""
    return {f"{order:g}": score(eigenvalues, order) for order in orders}


def scores(features: Rows, orders: Sequence[float] = ORDERS) -> Scores:
    """The Vendi scores of some orders of a set of rows."""
    return scores_of(spectrum(features), orders)


class Scorer:
    """Vendi scores of parts of one set of rows; the kernel of a small set is made once and cut."""

    def __init__(self, features: Rows, orders: Sequence[float] = ORDERS) -> None:
        self.features = features
        self.orders = tuple(orders)
        self.kernel = cosine_kernel(features) if len(features) <= KERNEL_ROWS else None

    def __len__(self) -> int:
        return len(self.features)

    def spectrum(self, rows: Indices) -> NDArray[np.float64]:
        """Positive eigenvalues of K / n of the rows with these numbers."""
        if self.kernel is not None and len(rows) <= self.features.shape[1]:
            return kernel_spectrum(self.kernel[np.ix_(rows, rows)])
        return spectrum(self.features[rows])

    def __call__(self, rows: Indices) -> Scores:
        """Scores of all orders of the rows with these numbers."""
        return scores_of(self.spectrum(rows), self.orders)


def sampled_scores(
    scorer: Scorer, size: int, count: int, rng: np.random.Generator, among: Indices | None = None
) -> Record:
    """Mean and standard deviation over `count` draws of `size` rows (one, if that is all) of some or all."""
    among = np.arange(len(scorer)) if among is None else among
    count = count if size < len(among) else 1
    draws = [scorer(among[draw(rng, len(among), size)]) for _ in range(count)]
    return summary(draws, min(size, len(among)))


def summary(draws: Sequence[Scores], rows: int) -> Record:
    """Rows, number of draws, and mean and standard deviation (None for one draw) of each score."""
    columns = {name: np.array([scores[name] for scores in draws]) for name in draws[0]}
    spread = {name: float(column.std(ddof=1)) if len(draws) > 1 else None for name, column in columns.items()}
    mean = {name: float(column.mean()) for name, column in columns.items()}
    return {"rows": rows, "draws": len(draws), "mean": mean, "sd": spread}


def rarefaction(scorer: Scorer, sizes: Sequence[int], count: int, rng: np.random.Generator) -> list[Record]:
    """Scores at each size that is at most half of the set; the score of the whole set ends the curve."""
    usable = [size for size in sorted(set(sizes)) if size <= len(scorer) // 2]
    return [sampled_scores(scorer, size, count, rng) for size in usable]


def by_class(scorer: Scorer, labels: Indices, size: int, count: int, rng: np.random.Generator) -> list[Record]:
    """Of each class: the scores of all its rows, and at a common size of at most half of the class."""
    classes = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        common = sampled_scores(scorer, max(1, min(size, len(rows) // 2)), count, rng, rows)
        classes.append({"class": int(label), "rows": len(rows), "whole": scorer(rows), "common": common})
    return classes


def uniform_noise(rng: np.random.Generator, rows: int, dimensions: int) -> Rows:
    """Pure noise images: pixels drawn independently and evenly from [0, 1)."""
    return rng.random((rows, dimensions), dtype=np.float32)
