"""A set of rows against real held-out rows: what it covers, and how far it lies from them.

Equally many rows of both are drawn, since every measure here depends on their number. Rows are taken as they
are (not divided by their length), as in the papers. The radius of a row is its distance to its k-th nearest
neighbour in its own set; its ball is the open ball of that radius. Copies of the row of a ball are taken once: the
papers' sets have none, and among k copies every ball would be empty, so that nothing is covered.

- precision, recall (Kynkaanniemi et al. 2019): share of set rows in a real ball, of real rows in a set ball.
- density, coverage (Naeem et al. 2020): real balls around a set row, over k; real balls with a set row.
- KID (Binkowski et al. 2018): unbiased MMD^2, kernel (<x, y> / d + 1)^3; its error from disjoint blocks.
- MMD^2: unbiased, Gaussian kernel, bandwidth the median distance of real rows (equal for all conditions).
- energy distance (Szekely & Rizzo 2013): 2 E|x - y| - E|x - x'| - E|y - y'|, unbiased.
- transport: 2-Wasserstein distance, exact by assignment on at most `assigned` rows; sliced (Bonneel et al.
  2015) on all of them: the root mean square of 1-D distances over random directions.

Distances are reported, not multiplied with the Vendi score. Unbiased estimates may be negative.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from weightscape.diversity.rows import Record, Rows, Square, distances_of_products

MANIFOLD = ("precision", "recall", "density", "coverage")


class Pairs(NamedTuple):
    """A quantity of all pairs of rows: two real ones, two of the set, a real one and one of the set."""

    real: Square
    set: Square
    between: Square

    def of(self, function: Callable[[Square], Square]) -> "Pairs":
        """The pairs of a function of the quantity."""
        return Pairs(function(self.real), function(self.set), function(self.between))


def inner_products(real: Rows, rows: Rows) -> Pairs:
    """Inner products of the rows."""
    return Pairs(real @ real.T, rows @ rows.T, real @ rows.T)


def squared_distances_of(products: Pairs) -> Pairs:
    """Squared Euclidean distances of the rows from their inner products."""
    real, rows = np.diagonal(products.real), np.diagonal(products.set)
    return Pairs(
        distances_of_products(products.real, real, real),
        distances_of_products(products.set, rows, rows),
        distances_of_products(products.between, real, rows),
    )


def distinct_rows(squares: Square) -> NDArray[np.bool_]:
    """The first of equal rows, as a mask, from the squared distances within a set."""
    return ~np.tril(squares == 0, -1).any(axis=1)


def neighbour_squares(squares: Square, neighbours: int) -> NDArray[np.float64]:
    """Squared distance of each row to its k-th nearest other row, from the squared distances within a set."""
    return np.partition(squares, neighbours, axis=1)[:, neighbours]  # the nearest, at 0, is the row itself


def manifold_scores(squares: Pairs, neighbours: int) -> dict[str, float | None]:
    """Precision, recall, density and coverage from squared distances."""
    return {
        "precision": share_in_manifold(squares.between, squares.real, neighbours),
        "recall": share_in_manifold(squares.between.T, squares.set, neighbours),
        **density_and_coverage(squares.between, squares.real, neighbours),
    }


def density_and_coverage(between: Square, within: Square, neighbours: int) -> dict[str, float | None]:
    """Density and coverage of columns of `between` in the balls of its distinct rows; None with too few of these."""
    distinct = distinct_rows(within)
    if distinct.sum() <= neighbours:
        return {"density": None, "coverage": None}
    radii = neighbour_squares(within[np.ix_(distinct, distinct)], neighbours)
    in_ball = between[distinct] < radii[:, None]
    return {"density": float(in_ball.sum(axis=0).mean() / neighbours), "coverage": float(in_ball.any(axis=1).mean())}


def share_in_manifold(between: Square, within: Square, neighbours: int) -> float | None:
    """Share of columns of `between` that lie in the ball of one of its rows; None with too few distinct rows."""
    distinct = distinct_rows(within)
    if distinct.sum() <= neighbours:
        return None
    radii = neighbour_squares(within[np.ix_(distinct, distinct)], neighbours)
    return float((between[distinct] < radii[:, None]).any(axis=0).mean())


def expected_coverage(rows: int, neighbours: int) -> float:
    """Coverage expected of a set that is drawn from the real distribution itself, with `rows` of both.

    A ball stays empty when the k nearest of the other 2 n - 1 rows are all real (Naeem et al. 2020).
    """
    steps = np.arange(1, neighbours + 1)
    return float(1 - np.exp(np.sum(np.log(rows - steps) - np.log(2 * rows - steps))))


def unbiased_mmd(kernels: Pairs) -> float:
    """Unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3)."""
    return _mean_of_pairs(kernels.real) + _mean_of_pairs(kernels.set) - 2 * float(kernels.between.mean())


def _mean_of_pairs(square: Square) -> float:
    """Mean of the entries off the diagonal."""
    rows = len(square)
    return float((square.sum() - np.trace(square)) / (rows * (rows - 1)))


def polynomial_kernel(products: Pairs, dimensions: int) -> Pairs:
    """(<x, y> / d + 1)^3, the kernel of KID, from inner products."""
    base = products.of(lambda square: square / dimensions + 1)
    return base.of(lambda square: square * square * square)  # many times faster than a power


def kid(products: Pairs, dimensions: int, block: int) -> Record:
    """Kernel inception distance from inner products, and its mean and standard error over disjoint blocks.

    The blocks' standard error is an upper estimate for the value, which uses the pairs between blocks too.
    """
    kernels = polynomial_kernel(products, dimensions)
    rows = len(products.between)
    size = min(block, rows)
    parts = [slice(start, start + size) for start in range(0, rows - size + 1, size)]
    values = np.array([unbiased_mmd(Pairs(*(kernel[part, part] for kernel in kernels))) for part in parts])
    return {
        "value": unbiased_mmd(kernels),
        "blocks": len(values),
        "block_rows": size,
        "block_mean": float(values.mean()),
        "block_error": float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None,
    }


def gaussian_mmd(squares: Pairs) -> dict[str, float | None]:
    """Unbiased MMD^2 of exp(-d^2 / 2 h^2), h the median distance of real rows; from squared distances."""
    median = float(np.median(squares.real[np.triu_indices(len(squares.real), 1)]))
    if median == 0:
        return {"value": None, "bandwidth": 0.0}
    kernels = squares.of(lambda square: np.exp(square / (-2 * median)))
    return {"value": unbiased_mmd(kernels), "bandwidth": float(np.sqrt(median))}


def energy_distance(squares: Pairs) -> float:
    """Unbiased energy distance from squared distances."""
    return -unbiased_mmd(squares.of(np.sqrt))


def transport_distance(between: Square, assigned: int) -> Record:
    """2-Wasserstein distance by exact assignment of the first `assigned` rows of both sets."""
    part = between[:assigned, :assigned]
    distance = np.sqrt(part[linear_sum_assignment(part)].mean())
    return {"value": float(distance), "method": "exact assignment", "rows": len(part)}


def sliced_distance(real: Rows, rows: Rows, projections: int, rng: np.random.Generator) -> Record:
    """2-Wasserstein distance along random directions, as root mean square over them."""
    directions = rng.standard_normal((real.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    gaps = np.sort(real @ directions, axis=0) - np.sort(rows @ directions, axis=0)
    return {"value": float(np.sqrt(np.mean(gaps**2))), "projections": projections, "rows": len(real)}
