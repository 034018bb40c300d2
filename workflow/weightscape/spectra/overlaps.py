"""The spectrum of a matrix with its leading singular vectors, and how far the leading spaces of two matrices agree.

Overlap of two k-dimensional spaces with orthonormal bases A and B in d dimensions: ||A^T B||_F^2 / k, from 0
(orthogonal) to 1 (the same); k / d for random spaces.

Leading vectors come from the tridiagonal form that also gives all eigenvalues, so that they cost little more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weightscape.spectra.eigenvalues import Lowest, Solved, gram, joined, settled, squared_singular_values
from weightscape.spectra.parallel import Share, alone

TINY = 32  # up to this side all vectors are computed


@dataclass(frozen=True)
class Leading:
    """Orthonormal bases of the leading singular vectors: `left` [rows, k], `right` [columns, k]."""

    left: np.ndarray
    right: np.ndarray

    def first(self, count: int) -> "Leading":
        """The `count` leading ones alone; they stand last."""
        return Leading(self.left[:, -count:], self.right[:, -count:])


@dataclass
class Spectrum:
    """The loaded slices of a matrix, their eigenvalues [slices, M], and leading vectors if overlaps are wanted."""

    slices: np.ndarray
    per_slice: np.ndarray
    leading: list[Leading]

    @property
    def values(self) -> np.ndarray:
        """All eigenvalues, sorted."""
        return np.sort(self.per_slice.ravel())

    def without_slices(self) -> "Spectrum":
        """The same without the matrix itself."""
        return Spectrum(np.empty((0, 0, 0)), self.per_slice, self.leading)


def spectrum(slices: np.ndarray, vectors: int, share: Share = alone) -> Spectrum:
    """The spectrum of [slices, rows, columns], with `vectors` leading vectors if any are asked for."""
    if vectors:
        return Spectrum(slices, *decompose(slices, vectors, share))
    return Spectrum(slices, squared_singular_values(slices, share), [])


def decompose(slices: np.ndarray, count: int, share: Share = alone) -> tuple[np.ndarray, list[Leading]]:
    """Eigenvalues [slices, M], as `squared_singular_values`, and the leading vectors of each slice."""
    lowest = Lowest()

    def work(item: np.ndarray) -> tuple[Solved, Leading]:
        matrix = item.astype(np.float64, copy=False)
        values, vectors = _leading_eigenvectors(gram(matrix), count)
        return settled(matrix, values, None, lowest), _both_sides(matrix, vectors)

    solved, bases = zip(*share(work, list(slices)), strict=True)
    return joined(solved), list(bases)


def _both_sides(matrix: np.ndarray, vectors: np.ndarray) -> Leading:
    """The other side by a QR decomposition from the leading vector down, which leaves it and its kind alone."""
    tall = matrix.shape[0] >= matrix.shape[1]
    other = np.linalg.qr((matrix if tall else matrix.T) @ vectors[:, ::-1])[0][:, ::-1]
    return Leading(other, vectors) if tall else Leading(vectors, other)


def _leading_eigenvectors(symmetric: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """All eigenvalues, ascending, and the eigenvectors of the `count` largest."""
    size = len(symmetric)
    if size <= TINY:
        values, vectors = np.linalg.eigh(symmetric)
        return values, vectors[:, size - count :]
    from scipy.linalg import eigh_tridiagonal, get_lapack_funcs

    sytrd, sterf, ormqr = get_lapack_funcs(("sytrd", "sterf", "ormqr"), (symmetric,))
    reflectors, diagonal, beside, factors, _ = sytrd(symmetric.T, lower=1, lwork=64 * size, overwrite_a=1)
    values = sterf(diagonal, beside)[0]
    unit = 2.0 ** -np.frexp(np.abs(diagonal).max())[1]  # near 1, bisection neither over- nor underflows
    inner = eigh_tridiagonal(unit * diagonal, unit * beside, select="i", select_range=(size - count, size - 1))[1]
    # the orthogonal factor leaves the first coordinate alone; the rest is stored as in a QR decomposition
    turned = ormqr("L", "N", reflectors[1:, :-1], factors, inner[1:], lwork=64 * count)[0]
    return values, np.concatenate([inner[:1], turned])


def packed(name: str, bases: Sequence[Leading]) -> dict[str, np.ndarray]:
    """The bases of all slices of a matrix as two arrays [slices, side, k], by "left/{name}" and "right/{name}"."""
    return {f"{side}/{name}": np.stack([getattr(item, side) for item in bases]) for side in ("left", "right")}


def unpacked(name: str, arrays: Mapping[str, np.ndarray]) -> list[Leading] | None:
    """The bases that `packed` stored; None if there are none of this name."""
    if f"left/{name}" not in arrays:
        return None
    return [Leading(*pair) for pair in zip(arrays[f"left/{name}"], arrays[f"right/{name}"], strict=True)]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """||A^T B||_F^2 / k of two orthonormal bases [d, k]."""
    return float(((one.T @ other) ** 2).sum() / one.shape[1])


def update_overlaps(update: Sequence[Leading], before: Sequence[Leading], after: Sequence[Leading]) -> dict[str, float]:
    """Overlaps of the leading spaces of `delta` with those of `before` and `after`, mean over slices."""
    columns = {}
    for name, others in (("before", before), ("after", after)):
        for side in ("left", "right"):
            pairs = zip(update, others, strict=True)
            each = [overlap(getattr(one, side), getattr(other, side)) for one, other in pairs]
            columns[f"overlap_{name}_{side}"] = float(np.mean(each))
    (rows, count), columns_ = update[0].left.shape, len(update[0].right)
    return columns | {
        "overlap_vectors": count,
        "overlap_random_left": count / rows,
        "overlap_random_right": count / columns_,
    }
