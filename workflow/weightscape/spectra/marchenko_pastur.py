"""The Marchenko-Pastur law of noise, the outliers above its edge, and WeightWatcher's fit of it to a spectrum.

For an N x M matrix of independent entries of variance s^2, the eigenvalues of W^T W / (N s^2) fill
[(1 - sqrt(y))^2, (1 + sqrt(y))^2] with density sqrt((b - x)(x - a)) / (2 pi y x), y = M / N <= 1
(Marchenko & Pastur 1967). The largest has centre mu = s^2 (sqrt(N-1) + sqrt(M))^2 and Tracy-Widom scale
s^2 (sqrt(N-1) + sqrt(M)) (1/sqrt(N-1) + 1/sqrt(M))^(1/3) (Johnstone 2001, theorem 1.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TRACY_WIDOM_95 = 0.979  # the 95 % point of the Tracy-Widom law of order 1
BANDWIDTH = 0.1  # of the linear kernel density estimate, in units of the mean eigenvalue
POINTS = 1000
LOW_DENSITY = 0.01  # the estimate is not fitted where it is lower
OUT_OF_RANGE = 1000.0  # residual of a law whose bulk misses the mode or passes the largest value


@dataclass(frozen=True)
class BulkFit:
    """WeightWatcher's fit: `sigma` where the mean eigenvalue is 1, edges in units of the eigenvalues."""

    sigma: float
    lower: float
    upper: float
    spikes: int
    softrank: float


def edges(larger: int, smaller: int, variance: float) -> tuple[float, float]:
    """lambda_-+ = s^2 (sqrt(N) -+ sqrt(M))^2 of the spectrum of W^T W."""
    root_n, root_m = np.sqrt(larger), np.sqrt(smaller)
    return float(variance * (root_n - root_m) ** 2), float(variance * (root_n + root_m) ** 2)


def cumulative(x: np.ndarray, y: float) -> np.ndarray:
    """Distribution function of the law with ratio y = M / N in (0, 1], in closed form.

    With x = 1 + y - 2 sqrt(y) cos(t) the density integrates to [(1 + y) t + r sin(t) - 2 (1 - y) arctan((1 +
    sqrt(y)) / (1 - sqrt(y)) tan(t / 2))] / (2 pi y), r = 2 sqrt(y).
    """
    middle, radius = 1.0 + y, 2.0 * np.sqrt(y)
    angle = np.arccos(np.clip((middle - x) / radius, -1.0, 1.0))
    total = middle * angle + radius * np.sin(angle)
    if y < 1:
        half = angle / 2
        total -= 2 * (1 - y) * np.arctan2((1 + np.sqrt(y)) * np.sin(half), (1 - np.sqrt(y)) * np.cos(half))
    return np.clip(total / (2 * np.pi * y), 0.0, 1.0)


def quantiles(levels: np.ndarray, y: float, points: int = 4097) -> np.ndarray:
    """Inverse of `cumulative`, by interpolation over `points` angles."""
    grid = 1.0 + y - 2.0 * np.sqrt(y) * np.cos(np.linspace(0.0, np.pi, points))
    return np.interp(levels, cumulative(grid, y), grid)


def kolmogorov(scaled: np.ndarray, y: float) -> float:
    """Largest difference of distribution functions; `scaled` are sorted eigenvalues over N s^2."""
    model = cumulative(scaled, y)
    steps = np.arange(len(scaled) + 1) / len(scaled)
    return float(max((steps[1:] - model).max(), (model - steps[:-1]).max()))


NODES = 16
"""Of the midpoint rule on each step of the empirical quantile function."""


def wasserstein(scaled: np.ndarray, y: float) -> float:
    """Wasserstein-1 distance to the law, in units of N s^2; `scaled` as in `kolmogorov`."""
    levels = (np.arange(NODES * len(scaled)) + 0.5) / (NODES * len(scaled))
    return float(np.abs(np.repeat(scaled, NODES) - quantiles(levels, y)).mean())


def fit_bulk(values: np.ndarray, larger: int, smaller: int) -> BulkFit | None:
    """WeightWatcher's fit of sigma to a density estimate of sorted eigenvalues; None where it fails."""
    scale = len(values) / values.sum()
    scaled = scale * values
    ratio = larger / smaller
    sigma = _fit_sigma(scaled, ratio)
    if sigma is None:
        return None
    inverse_root = 1.0 / np.sqrt(ratio)
    upper, lower = (sigma * (1 + inverse_root)) ** 2, (sigma * (1 - inverse_root)) ** 2
    width = inverse_root * upper ** (2 / 3) * smaller ** (-2 / 3)
    spikes = np.count_nonzero(scaled > upper + np.sqrt(width))
    return BulkFit(sigma, float(lower / scale), float(upper / scale), int(spikes), float(upper / scaled[-1]))


def _fit_sigma(scaled: np.ndarray, ratio: float) -> float | None:
    """Least squares over a grid of sigma, then a simplex from its best point (as scipy.optimize.brute)."""
    guess = np.sqrt(scaled[-1] / (1 + 1 / np.sqrt(ratio)) ** 2)
    density = estimate(np.sqrt(np.maximum(scaled, 0.0)) if ratio == 1 else scaled)
    if density is None:
        return None
    x, y = density
    mode, last = x[np.argmax(y)], x[-1]
    impossible = OUT_OF_RANGE**2 * len(x)

    def misfit(sigma: float) -> float:
        missed = ratio != 1 and _misses(sigma, ratio, mode, last)
        return impossible if missed else float(_misfits(np.array([[sigma]]), x, y, ratio)[0])

    grid = np.arange(0.05 * guess, 2.0 * guess, 0.01 * guess)
    possible = np.ones(len(grid), bool) if ratio == 1 else ~_misses(grid, ratio, mode, last)
    misfits = np.full(len(grid), impossible)
    misfits[possible] = _misfits(grid[possible, None], x, y, ratio)
    return simplex(misfit, float(grid[np.argmin(misfits)]))


def simplex(function: Callable[[float], float], start: float, tolerance: float = 1e-4, most: int = 200) -> float:
    """Minimum in one dimension by Nelder and Mead's simplex (1965), as scipy.optimize.fmin finds it.

    In one dimension the centroid is the better of the two points.
    """
    best, worst = start, 1.05 * start
    low, high = function(best), function(worst)
    if high < low:
        best, worst, low, high = worst, best, high, low
    for _ in range(most):
        if abs(worst - best) <= tolerance and abs(low - high) <= tolerance:
            break
        worst, high = _moved(function, best, worst, low, high)
        if high < low:
            best, worst, low, high = worst, best, high, low
    return best


def _moved(
    function: Callable[[float], float], best: float, worst: float, low: float, high: float
) -> tuple[float, float]:
    """The point that replaces the worst, and its value: reflected, expanded, contracted or shrunk."""
    reflected = 2 * best - worst
    value = function(reflected)
    if value < low:
        expanded = 3 * best - 2 * worst
        beyond = function(expanded)
        return (expanded, beyond) if beyond < value else (reflected, value)
    inside = value >= high
    contracted = 0.5 * best + 0.5 * worst if inside else 1.5 * best - 0.5 * worst
    found = function(contracted)
    if found < high if inside else found <= value:
        return contracted, found
    shrunk = best + 0.5 * (worst - best)
    return shrunk, function(shrunk)


def estimate(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Linear-kernel density of sorted values at 1,000 points, where it is above LOW_DENSITY; None if nowhere.

    sum_i max(0, 1 - |x - v_i| / h) / (n h), by prefix sums.
    """
    grid = np.linspace(0.0, values[-1] + 0.5, POINTS)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first, middle, last = (np.searchsorted(values, grid + shift) for shift in (-BANDWIDTH, 0.0, BANDWIDTH))
    below = (middle - first) * (BANDWIDTH - grid) + sums[middle] - sums[first]
    above = (last - middle) * (BANDWIDTH + grid) - sums[last] + sums[middle]
    density = (below + above) / (len(values) * BANDWIDTH**2)
    high = density > LOW_DENSITY
    return (grid[high], density[high]) if high.any() else None


def _misses(sigma: Any, ratio: float, mode: float, last: float) -> Any:
    """Whether the bulk of each sigma leaves out the mode of the estimate or passes its last point."""
    upper, lower = (sigma * (1 + np.sqrt(1 / ratio))) ** 2, (sigma * (1 - np.sqrt(1 / ratio))) ** 2
    return (upper < mode) | (upper > last) | (lower > mode)


def _misfits(sigma: np.ndarray, x: np.ndarray, y: np.ndarray, ratio: float) -> np.ndarray:
    """Sum of squared residuals for each sigma of a column [s, 1].

    For square matrices WeightWatcher compares singular values with sqrt(4 - x^2) / (pi sigma^2); the radius
    there is not scaled by sigma, which is kept for the sake of equal columns.
    """
    if ratio == 1:
        model = np.sqrt(np.maximum(4.0 - x**2, 0.0)) / (np.pi * sigma**2)
    else:
        upper, lower = (sigma * (1 + np.sqrt(1 / ratio))) ** 2, (sigma * (1 - np.sqrt(1 / ratio))) ** 2
        root = np.sqrt(np.maximum((upper - x) * (x - lower), 0.0))
        model = root / (2 * np.pi * sigma**2 * np.where(x > 0, x, 1.0) / ratio)  # the root is 0 at x = 0
    return ((model - y) ** 2).sum(axis=1)


@dataclass(frozen=True)
class Outliers:
    """`count` eigenvalues above `edge`, their share of the trace, the variance of entries without them."""

    count: int
    edge: float
    variance: float
    energy: float


def _unit_edge(larger: int, smaller: int) -> float:
    """The 95 % point of the largest eigenvalue of noise of unit variance."""
    root_n, root_m = np.sqrt(max(larger - 1, 1)), np.sqrt(smaller)
    centre = root_n + root_m
    return float(centre**2 + TRACY_WIDOM_95 * centre * (1 / root_n + 1 / root_m) ** (1 / 3))


def outliers(values: np.ndarray, larger: int, floor: float = 0.0) -> Outliers:
    """Outliers of the sorted eigenvalues of one N x M slice; their count and the variance without them are iterated.

    Singular values up to `floor`, or below numerical rank, are rounding, whose own edge all others would exceed.
    Without r outliers the trace has (N - r)(M - r) degrees of freedom.
    """
    smaller = len(values)
    rounding = max(floor, np.sqrt(values[-1]) * larger * np.finfo(np.float64).eps)
    values = np.where(values > rounding**2, values, 0.0)
    unit = _unit_edge(larger, smaller)
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
