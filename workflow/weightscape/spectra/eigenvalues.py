"""Eigenvalues of W^T W: the squared singular values of W, float64, ascending, undivided.

They are those of the Gram matrix of the smaller side, which costs N M^2 in one matrix product and 4/3 M^3 in
the tridiagonalisation, several times less than the singular values. A Gram matrix leaves an absolute error of
about 1e-16 lambda_max, so the smallest value of all slices is made exact where it is small against the
largest, and all of them come from the SVD where the rank is in doubt.

Rounding to a significand with epsilon e moves a weight w by at most e / 2 times the power of two below it, so by
(e w)^2 / 12 or less in mean square, and each weight on its own. Such a matrix has a spectral norm of about the largest
norm of its rows plus that of its columns (Bandeira & van Handel 2016, theorem 1.1): singular values up to that, the
`floor` of our columns, may be the rounding of weights as they are stored.
"""

import numpy as np

GRAM_SAFE = 3e-6  # lambda_min / lambda_max from which the Gram matrix keeps ten digits of sv_min
RANK_DOUBT = 1e-11  # below it the Gram matrix cannot tell a small singular value from zero
BATCH = 128  # up to this side slices are decomposed in one call
BLOCK = 8  # vectors of the inverse iteration
SIGNIFICANDS = (7, 10, 23, 52)  # stored bits of bfloat16, half, single and double precision


def squared_singular_values(slices: np.ndarray) -> np.ndarray:
    """[slices, M] eigenvalues of each slice of [slices, n, m], ascending in each row."""
    count, smaller = slices.shape[0], min(slices.shape[1:])
    step = max(1, BATCH**2 // smaller**2) if smaller <= BATCH else 1
    values = np.empty((count, smaller))
    for start in range(0, count, step):
        product = gram(np.ascontiguousarray(slices[start : start + step], dtype=np.float64))
        values[start : start + step] = np.linalg.eigvalsh(product)
    return exact_where_small(slices, values)


def gram(slices: np.ndarray) -> np.ndarray:
    """W^T W or W W^T of each slice, whichever is smaller."""
    turned = np.swapaxes(slices, -1, -2)
    return turned @ slices if slices.shape[-2] >= slices.shape[-1] else slices @ turned


def exact_where_small(slices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Eigenvalues of the Gram matrices of the slices, exact also where those cannot hold them.

    Of several full-rank slices only the smallest value of all is needed to more digits than its Gram matrix
    has.
    """
    values = np.maximum(values, 0.0)
    for index in np.flatnonzero(values[:, 0] < RANK_DOUBT * values[:, -1]):
        values[index] = _by_svd(slices[index])
    lowest = int(np.argmin(values[:, 0]))
    if RANK_DOUBT * values[lowest, -1] <= values[lowest, 0] < GRAM_SAFE * values[lowest, -1]:
        smallest = smallest_squared(slices[lowest].astype(np.float64, copy=False))
        if smallest <= values[lowest, 1]:
            values[lowest, 0] = smallest
        else:
            values[lowest] = _by_svd(slices[lowest])
    return values


def _by_svd(matrix: np.ndarray) -> np.ndarray:
    return np.sort(np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2)


def smallest_squared(matrix: np.ndarray, tolerance: float = 1e-11, most: int = 30) -> float:
    """Smallest squared singular value of W; NaN if the iteration does not settle.

    Block inverse iteration with the Cholesky factor of the Gram matrix (Parlett, The Symmetric Eigenvalue
    Problem, chapter 14). Its vectors carry an error of eps lambda_max / lambda_min, the Rayleigh quotient |W
    v|^2, taken with W itself, only the square of that.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    product = gram(matrix)
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
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
    return int(np.count_nonzero(singular > singular.max(initial=0.0) * larger * np.finfo(np.float64).eps))


def above_rank(values: np.ndarray, larger: int, floor: float) -> np.ndarray:
    """The sorted eigenvalues above numerical rank and above the square of `floor`."""
    kept = values[len(values) - rank(values, larger) :]
    return kept[np.searchsorted(kept, floor**2, side="right") :]


def ranks(values: np.ndarray, larger: int, floor: float) -> np.ndarray:
    """Counts, per slice of [slices, M] eigenvalues, those above numerical rank and the square of `floor`."""
    numerical = (np.sqrt(values[:, -1:]) * larger * np.finfo(np.float64).eps) ** 2
    return (values > np.maximum(numerical, floor**2)).sum(axis=1)


def epsilon(slices: np.ndarray) -> float:
    """2^-bits of the narrowest precision that holds every value, whatever type they were widened to."""
    most = np.finfo(slices.dtype).nmant
    for some in (slices[:1, :1], slices):  # one row of weights of full precision tells
        needed = _bits(some)
        bits = next(bits for bits in SIGNIFICANDS if bits >= needed)
        if bits == most:
            break
    return 2.0**-bits


def _bits(slices: np.ndarray) -> int:
    """Counts the leading bits of the significand that any value uses."""
    most = np.finfo(slices.dtype).nmant
    patterns = slices.view(f"u{slices.dtype.itemsize}")
    used = int(np.bitwise_or.reduce(patterns, axis=None)) & (2**most - 1)
    return most - (used & -used).bit_length() + 1 if used else 0


def rounding_of_weights(slices: np.ndarray) -> float:
    """Largest singular value that rounding alone may give a slice of [slices, rows, columns]."""
    return epsilon(slices) * _reach(slices)


def rounding_of_update(after: np.ndarray, before: np.ndarray) -> float:
    """The same of after minus before.

    A start in a narrower precision than the result is what training started from, hence exact.
    """
    ours = epsilon(after)
    return ours * _reach(after) + min(ours, epsilon(before)) * _reach(before)


def _reach(slices: np.ndarray) -> float:
    """Spectral norm of errors of w / sqrt(12) in every weight w, the largest of the slices."""
    wide = slices.astype(np.float32) if slices.dtype.itemsize < 4 else slices
    with np.errstate(over="ignore"):
        sums = [np.einsum(f"sij,sij->s{side}", wide, wide).max() for side in "ij"]
    if not np.isfinite(sums).all():
        unit = float(np.abs(wide).max())
        return unit * _reach(wide / unit)
    return float(np.sqrt(sums, dtype=np.float64).sum() / np.sqrt(12))
