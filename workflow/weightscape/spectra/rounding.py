"""Rounding of stored weights, and the largest singular value that it may give a matrix.

Rounding to a significand with epsilon e moves a weight w by at most e / 2 times the power of two below it, so by
(e w)^2 / 12 or less in mean square, and each weight on its own. Such a matrix has a spectral norm of about the largest
norm of its rows plus that of its columns (Bandeira & van Handel 2016, theorem 1.1): singular values up to that, the
`floor` of our columns, may be the rounding of weights as they are stored.
"""

import numpy as np

SIGNIFICANDS = (7, 10, 23, 52)  # stored bits of bfloat16, half, single and double precision


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
