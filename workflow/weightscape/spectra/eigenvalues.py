"""Eigenvalues of W^T W: the squared singular values of W, float64, ascending, undivided.

They are those of the Gram matrix of the smaller side, which costs N M^2 in one matrix product and 4/3 M^3 in
the tridiagonalisation, several times less than the singular values. A Gram matrix leaves an absolute error of
about 1e-16 lambda_max, so the smallest value of all slices is made exact where it is small against the
largest, and all of them come from the SVD where the rank is in doubt.

Rows and columns below eps |W|_F / sqrt(M), such as filters that weight decay has emptied, are left out: together they
move a singular value by less than the SVD's own error, and without them the rank is not in doubt.
"""

import threading
from collections.abc import Iterable

import numpy as np

from weightscape.spectra.parallel import Share, alone

GRAM_SAFE = 3e-6  # lambda_min / lambda_max from which the Gram matrix keeps ten digits of sv_min
RANK_DOUBT = 1e-11  # below it the Gram matrix cannot tell a small singular value from zero
BATCH = 128  # up to this side slices are decomposed in one call
BLOCK = 8  # vectors of the inverse iteration
MODERATE = 2.0**600  # sums of squares up to it, and down to its inverse, leave no digit in over- or underflow
EPS = float(np.finfo(np.float64).eps)
Solved = tuple[np.ndarray, float]
"""The eigenvalues of a slice, and the smallest one exactly; NaN where it was not asked for."""


class Lowest:
    """The smallest eigenvalue of all slices so far, by its Gram matrix; threads share it."""

    def __init__(self) -> None:
        self.value = np.inf
        self._lock = threading.Lock()

    def reached_by(self, value: float) -> bool:
        """Whether no earlier slice has a smaller one."""
        with self._lock:
            lowest = value <= self.value
            self.value = min(self.value, value)
        return lowest


def squared_singular_values(slices: np.ndarray, share: Share = alone) -> np.ndarray:
    """[slices, M] eigenvalues of each slice of [slices, n, m], ascending in each row."""
    smaller = min(slices.shape[1:])
    step = max(1, BATCH**2 // smaller**2) if smaller <= BATCH else 1
    lowest = Lowest()
    batches = [slices[start : start + step] for start in range(0, len(slices), step)]
    return joined(solved for batch in share(lambda batch: _of_batch(batch, lowest), batches) for solved in batch)


def joined(solved: Iterable[Solved]) -> np.ndarray:
    """[slices, M] eigenvalues, the smallest of all of them exactly."""
    rows, smallest = zip(*solved, strict=True)
    values = np.stack(rows)
    lowest = int(np.argmin(values[:, 0]))
    if not np.isnan(smallest[lowest]):
        values[lowest, 0] = smallest[lowest]
    return values


def _of_batch(slices: np.ndarray, lowest: Lowest) -> list[Solved]:
    wide = np.ascontiguousarray(slices, dtype=np.float64)
    full = full_sides(wide)
    if full is None:
        return [_scaled(matrix, lowest) for matrix in wide]
    if not all(side.all() for side in full):
        each = zip(wide, full[0], full[1], strict=True)
        return [_of_rest(matrix, rows, columns, lowest) for matrix, rows, columns in each]
    products = gram(wide)
    values = np.linalg.eigvalsh(products)
    return [settled(matrix, row, product, lowest) for matrix, row, product in zip(wide, values, products, strict=True)]


def full_sides(wide: np.ndarray) -> list[np.ndarray] | None:
    """Which rows [slices, n] and columns [slices, m] are not empty; None if squared entries leave float64."""
    with np.errstate(over="ignore"):
        squares = [np.einsum(f"sij,sij->s{side}", wide, wide) for side in "ij"]
        total = squares[0].sum(axis=1)
    if any(not (1 / MODERATE < size < MODERATE) and wide[at].any() for at, size in enumerate(total)):
        return None
    bounds = EPS**2 * total[:, None] / min(wide.shape[1:])
    return [sums > bounds for sums in squares]


def _scaled(matrix: np.ndarray, lowest: Lowest) -> Solved:
    """Of a matrix whose squared entries leave float64, by a power of two."""
    exponent = int(np.frexp(np.abs(matrix).max())[1])
    scale = 2.0 ** -(exponent // 2)
    values, smallest = _of_batch((matrix * scale * 2.0 ** -(exponent - exponent // 2))[None], Lowest())[0]
    with np.errstate(over="ignore"):
        values = np.ldexp(values, 2 * exponent)
        smallest = float(np.ldexp(smallest, 2 * exponent))
    lowest.reached_by(float(values[0]))
    return values, smallest


def _of_rest(matrix: np.ndarray, rows: np.ndarray, columns: np.ndarray, lowest: Lowest) -> Solved:
    """Of a matrix without its empty rows and columns; the values that these lack are zero."""
    rest = matrix[np.ix_(rows, columns)]
    missing = min(matrix.shape) - min(rest.shape)
    if not missing:
        return _of_batch(rest[None], lowest)[0]
    lowest.reached_by(0.0)
    values = _of_batch(rest[None], Lowest())[0][0] if rest.size else np.zeros(0)
    return np.concatenate([np.zeros(missing), values]), 0.0


def gram(slices: np.ndarray) -> np.ndarray:
    """W^T W or W W^T of each slice, whichever is smaller."""
    turned = np.swapaxes(slices, -1, -2)
    return turned @ slices if slices.shape[-2] >= slices.shape[-1] else slices @ turned


def settled(matrix: np.ndarray, values: np.ndarray, product: np.ndarray | None, lowest: Lowest) -> Solved:
    """The eigenvalues of a float64 matrix from those of its Gram matrix, exact also where that cannot hold them.

    `product` is the Gram matrix, without empty rows and columns, if it is still there; it is overwritten. Of several
    full-rank slices only the smallest value of all is needed to more digits than its Gram matrix has. The others keep
    what their Gram matrix gives, in whatever order threads solve them.
    """
    values = np.maximum(values, 0.0)
    if values[0] < RANK_DOUBT * values[-1]:
        if product is None and not all(side.all() for side in full_sides(matrix[None]) or ()):
            return _of_batch(matrix[None], lowest)[0]
        values = by_svd(matrix)
        lowest.reached_by(float(values[0]))
        return values, np.nan
    if not lowest.reached_by(float(values[0])) or values[0] >= GRAM_SAFE * values[-1]:
        return values, np.nan
    smallest = smallest_squared(matrix, product)
    return values, smallest if smallest <= values[1] else float(by_svd(matrix)[0])


def by_svd(matrix: np.ndarray) -> np.ndarray:
    """Squared singular values, ascending, each as exact as the largest."""
    return np.sort(np.linalg.svd(matrix.astype(np.float64, copy=False), compute_uv=False) ** 2)


def smallest_squared(
    matrix: np.ndarray, product: np.ndarray | None = None, tolerance: float = 1e-11, most: int = 30
) -> float:
    """Smallest squared singular value of W; NaN if the iteration does not settle. `product`, if given, is overwritten.

    Block inverse iteration with the Cholesky factor of the Gram matrix (Parlett, The Symmetric Eigenvalue
    Problem, chapter 14). Its vectors carry an error of eps lambda_max / lambda_min, the Rayleigh quotient |W
    v|^2, taken with W itself, only the square of that.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    product = gram(matrix) if product is None else product
    try:
        factor = cho_factor(product.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return float("nan")
    side = len(product)
    basis = np.random.default_rng(0).standard_normal((side, min(BLOCK, side)))
    previous = np.inf
    for _ in range(most):
        basis = np.linalg.qr(cho_solve(factor, basis, check_finite=False))[0]
        smallest = float(np.linalg.svd(tall @ basis, compute_uv=False)[-1] ** 2)
        if abs(smallest - previous) <= tolerance * smallest:
            return smallest
        previous = smallest
    return float("nan")


def rank(values: np.ndarray, larger: int) -> int:
    """Number of singular values above sv_max x N x eps (values: eigenvalues; N: the larger side)."""
    singular = np.sqrt(np.maximum(values, 0.0))
    return int(np.count_nonzero(singular > singular.max(initial=0.0) * larger * EPS))


def above_rank(values: np.ndarray, larger: int, floor: float) -> np.ndarray:
    """The sorted eigenvalues above numerical rank and above the square of `floor`."""
    kept = values[len(values) - rank(values, larger) :]
    return kept[np.searchsorted(kept, floor**2, side="right") :]


def ranks(values: np.ndarray, larger: int, floor: float) -> np.ndarray:
    """Counts, per slice of [slices, M] eigenvalues, those above numerical rank and the square of `floor`."""
    numerical = (np.sqrt(values[:, -1:]) * larger * EPS) ** 2
    return (values > np.maximum(numerical, floor**2)).sum(axis=1)
