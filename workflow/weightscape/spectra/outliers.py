"""Eigenvalues above the edge of noise of the same shape and variance.

Noise: independent entries of variance s^2. Its largest eigenvalue has centre mu = s^2 (sqrt(N-1) + sqrt(M))^2
and Tracy-Widom scale s^2 (sqrt(N-1) + sqrt(M)) (1/sqrt(N-1) + 1/sqrt(M))^(1/3) (Johnstone 2001, theorem 1.1);
0.979 is the 95 % point of the Tracy-Widom law of order 1.
"""

from dataclasses import dataclass

import numpy as np

TRACY_WIDOM_95 = 0.979


@dataclass(frozen=True)
class Outliers:
    """`count` eigenvalues above `edge`, their share of the trace, the variance of entries without them."""

    count: int
    edge: float
    variance: float
    energy: float


def unit_edge(larger: int, smaller: int) -> float:
    """The 95 % point of the largest eigenvalue of noise of unit variance."""
    root_n, root_m = np.sqrt(max(larger - 1, 1)), np.sqrt(smaller)
    centre = root_n + root_m
    return float(centre**2 + TRACY_WIDOM_95 * centre * (1 / root_n + 1 / root_m) ** (1 / 3))


def find(values: np.ndarray, larger: int, floor: float = 0.0) -> Outliers:
    """Outliers of the sorted eigenvalues of one N x M slice, the variance estimated without them and
    iterated.

    Singular values up to `floor`, or below numerical rank, are rounding, whose own edge all others would exceed.
    Without r outliers the trace has (N - r)(M - r) degrees of freedom.
    """
    smaller = len(values)
    rounding = max(floor, np.sqrt(values[-1]) * larger * np.finfo(np.float64).eps)
    values = np.where(values > rounding**2, values, 0.0)
    unit = unit_edge(larger, smaller)
    below = np.concatenate([[0.0], np.cumsum(values)])
    count, edge, variance = 0, np.inf, 0.0
    for _ in range(smaller):
        variance = below[smaller - count] / ((larger - count) * (smaller - count))
        edge = unit * variance
        found = smaller - int(np.searchsorted(values, edge, side="right"))
        if found <= count or found >= smaller:
            break
        count = found
    energy = (below[-1] - below[smaller - count]) / below[-1] if below[-1] > 0 else np.nan
    return Outliers(count, float(edge), float(variance), float(energy))
