"""Power-law fit of a tail, p(x) ~ x^-alpha for x >= xmin, with xmin chosen by the Kolmogorov distance.

Clauset, Shalizi & Newman (2009), in the form that WeightWatcher executes: each sorted value but the last is a
candidate xmin, alpha_i = 1 + n_i / sum_j ln(x_j / x_i) over the n_i values from x_i on, and
D_i = max_j |1 - (x_j / x_i)^(1 - alpha_i) - (j - i) / n_i|; the first smallest D wins.

The search is exact yet not quadratic: D_i is bounded from below at a few positions of each tail, and the
distance is computed in full in the order of the bounds until the bound passes the best distance.
"""

from dataclasses import dataclass

import numpy as np

SAMPLES = 48  # positions in each tail for the lower bound
FEW = 20  # below it WeightWatcher corrects alpha for bias: n - 1 in place of n
FEWEST = 8  # fewest values in a bias-corrected tail, and for any fit


@dataclass(frozen=True)
class PowerLaw:
    """A fitted tail: `start` is the index of xmin in the sorted values, `size` counts values from it on."""

    alpha: float
    xmin: float
    xmax: float
    distance: float
    sigma: float
    start: int
    size: int


def fit(values: np.ndarray, minimum: int = 2) -> PowerLaw | None:
    """The power law of sorted positive values, at least `minimum` of them in the tail; None if none fits."""
    count = len(values)
    if count < max(minimum, 2) or equal(values):
        return None
    logs = np.log(values)
    alphas = exponents(logs)
    candidates = np.flatnonzero((alphas > 1) & np.isfinite(alphas) & (count - np.arange(count - 1) >= minimum))
    if not len(candidates):
        return None
    start = search(logs, alphas, candidates)
    return _result(values, logs, start, unbiased=False)


def fit_few(values: np.ndarray) -> PowerLaw | None:
    """WeightWatcher's fit of 8 to 19 values: alpha = 1 + (n - 1) / sum ln(x_j / x_i), tails of at least 8."""
    count = len(values)
    if count < FEWEST or equal(values):
        return None
    logs = np.log(values)
    best: PowerLaw | None = None
    for start in range(count - FEWEST + 1):
        if logs[start:].sum() - (count - start) * logs[start] <= 1e-12:
            continue
        found = _result(values, logs, start, unbiased=True)
        if best is None or found.distance < best.distance:
            best = found
    return best


def equal(values: np.ndarray) -> bool:
    """Whether sorted eigenvalues differ by the rounding of a decomposition at most, which depends on the BLAS."""
    return not values[-1] - values[0] > len(values) * np.finfo(np.float64).eps * values[-1]


def exponents(logs: np.ndarray) -> np.ndarray:
    """alpha of the tail from each value but the last, by one reverse cumulative sum of logs."""
    sizes = len(logs) - np.arange(len(logs) - 1)
    sums = np.cumsum(logs[::-1])[::-1][:-1] - sizes * logs[:-1]
    with np.errstate(divide="ignore"):
        return 1.0 + np.where(sums > 0, sizes / sums, np.inf)


def distance(logs: np.ndarray, start: int, alpha: float) -> float:
    """Kolmogorov distance of the tail from `start`, as WeightWatcher counts it."""
    tail = logs[start:]
    model = -np.expm1((1.0 - alpha) * (tail - tail[0]))
    return float(np.abs(model - np.arange(len(tail)) / len(tail)).max())


def search(logs: np.ndarray, alphas: np.ndarray, candidates: np.ndarray) -> int:
    """Index of the candidate with the smallest distance, the first of equals."""
    bounds = _lower_bounds(logs, alphas, candidates)
    best, chosen = np.inf, int(candidates[0])
    for index in np.argsort(bounds, kind="stable"):
        if bounds[index] > best:
            break
        start = int(candidates[index])
        found = distance(logs, start, alphas[start])
        if found < best or (found == best and start < chosen):
            best, chosen = found, start
    return chosen


def _lower_bounds(logs: np.ndarray, alphas: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    sizes = len(logs) - candidates
    offsets = (np.linspace(0.0, 1.0, SAMPLES)[:, None] * (sizes - 1)).astype(np.intp)
    models = -np.expm1((1.0 - alphas[candidates]) * (logs[candidates + offsets] - logs[candidates]))
    # a hair below, so that rounding in the two evaluations cannot prune the best
    return np.abs(models - offsets / sizes).max(axis=0) - 1e-14


def _result(values: np.ndarray, logs: np.ndarray, start: int, unbiased: bool) -> PowerLaw:
    tail = logs[start:]
    size = len(tail)
    alpha = 1.0 + (size - unbiased) / (tail.sum() - size * tail[0])
    return PowerLaw(
        alpha=float(alpha),
        xmin=float(values[start]),
        xmax=float(values[-1]),
        distance=distance(logs, start, alpha),
        sigma=float((alpha - 1.0) / np.sqrt(size)),
        start=start,
        size=size,
    )
