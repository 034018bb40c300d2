"""Eigenvalues in two stages by our native source `two_stage.c`: bands of Gram matrices, then many bands at once.

The numbers are those of `eigenvalues.squared_singular_values` within rounding. A band is finished in one lane of a
vector beside others of any matrices, which do not touch each other: its eigenvalues are the same in any company.
"""

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weightscape.spectra.compiled import library, widest
from weightscape.spectra.eigenvalues import (
    BATCH,
    GRAM_SAFE,
    RANK_DOUBT,
    Lowest,
    by_svd,
    full_sides,
    squared_singular_values,
)
from weightscape.spectra.parallel import Share

SOURCE = Path(__file__).with_name("two_stage.c")


@dataclass
class Slice:
    """A slice on its way: the band of its Gram matrix, or its eigenvalues."""

    side: int
    band: np.ndarray | None = None  # [padded side, lanes + 1], of the matrix times 2^-exponent
    values: np.ndarray | None = None  # ascending
    lowest: float = 0.0  # upper bound of the smallest eigenvalue, which decides whose is the lowest
    smallest: float = np.nan  # the smallest eigenvalue exactly, where it was asked for
    missing: int = 0  # zeros, of empty rows and columns
    exponent: int = 0

    def whole(self) -> np.ndarray:
        """All eigenvalues, ascending, in the units of the matrix."""
        values = np.zeros(0) if self.values is None else self.values
        with np.errstate(over="ignore"):
            return np.ldexp(np.concatenate([np.zeros(self.missing), values]), 2 * self.exponent)


class TwoStage:
    """The native routines for vectors of so many doubles."""

    def __init__(self, routines: ctypes.CDLL) -> None:
        self._routines = routines
        routines.reduction_bytes.restype = routines.finish_bytes.restype = ctypes.c_int64
        self.lanes = int(routines.lanes())
        self.together = 2 * self.lanes  # bands that are best finished in one call

    @property
    def name(self) -> str:
        """As it stands in records."""
        return f"two-stage, {self.lanes} lanes"

    def reduced(self, slices: np.ndarray, share: Share) -> list[Slice]:
        """The bands of [slices, n, m]; eigenvalues where the rank is in doubt."""
        smaller = min(slices.shape[1:])
        step = max(1, BATCH**2 // smaller**2)
        if slices.itemsize not in slices.strides[1:]:  # kernel positions lie between: nine times the memory is read
            slices = np.ascontiguousarray(slices)
        lowest = Lowest()
        batches = [slices[start : start + step] for start in range(0, len(slices), step)]
        return [item for batch in share(lambda batch: self._of_batch(batch, lowest), batches) for item in batch]

    def _of_batch(self, slices: np.ndarray, lowest: Lowest) -> list[Slice]:
        bands, known = self._bands(slices, lowest)
        return [
            self._settled(matrix, band, facts, lowest) if facts[0] >= 0 else self._again(matrix, lowest)
            for matrix, band, facts in zip(slices, bands, known, strict=True)
        ]

    def _bands(self, slices: np.ndarray, lowest: Lowest) -> tuple[np.ndarray, np.ndarray]:
        """Bands, and for each the bound of its smallest eigenvalue, its norm, and that eigenvalue exactly."""
        wide = slices.dtype.itemsize > 4
        slices = slices.astype(np.float64 if wide else np.float32, copy=False)
        slices = slices if slices.shape[1] >= slices.shape[2] else np.swapaxes(slices, 1, 2)
        count, larger, side = slices.shape
        bands = np.empty((count, -(-side // self.lanes) * self.lanes, self.lanes + 1))
        known = np.empty((count, 3))
        least = ctypes.c_double(lowest.value)
        sizes = [(ctypes.c_int64 * 3)(*sizes) for sizes in (slices.shape, _steps(slices))]
        memory = self._memory(self._routines.reduction_bytes(ctypes.c_int64(larger), ctypes.c_int64(side)))
        self._routines.reduce(
            _at(slices), ctypes.c_int(wide), *sizes, ctypes.c_double(GRAM_SAFE), ctypes.byref(least), _at(bands),
            _at(known), _at(memory),
        )  # fmt: skip
        lowest.reached_by(least.value)
        return bands, known

    def _settled(self, matrix: np.ndarray, band: np.ndarray, known: np.ndarray, lowest: Lowest) -> Slice:
        bound, norm, smallest = map(float, known)
        side = min(matrix.shape)
        if bound < RANK_DOUBT * norm:
            values = by_svd(matrix)
            lowest.reached_by(float(values[0]))
            return Slice(side, values=values, lowest=float(values[0]))
        if smallest < 0:
            smallest = float(by_svd(matrix)[0])
        return Slice(side, band, lowest=bound, smallest=smallest)

    def _again(self, matrix: np.ndarray, lowest: Lowest) -> Slice:
        """Of a matrix with empty rows or columns, or with squares that leave float64: without them, and near one."""
        exponent = int(np.frexp(np.abs(matrix).max(initial=0))[1])
        near_one = np.ldexp(matrix.astype(np.float64), -exponent)
        rows, columns = (sides[0] for sides in full_sides(near_one[None]) or ())
        rest = near_one[np.ix_(rows, columns)]
        missing = min(matrix.shape) - min(rest.shape)
        found = Slice(0)
        if rest.size:
            [band], [known] = self._bands(rest[None], Lowest())
            if known[0] >= 0:
                found = self._settled(rest, band, known, Lowest())
            else:
                found = Slice(min(rest.shape), values=squared_singular_values(rest[None])[0])
        found.missing, found.exponent = missing, exponent
        with np.errstate(over="ignore"):
            found.lowest, found.smallest = (
                0.0 if missing else float(np.ldexp(value, 2 * exponent)) for value in (found.lowest, found.smallest)
            )
        lowest.reached_by(found.lowest)
        return found

    def finish(self, items: Sequence[Slice]) -> None:
        """Eigenvalues of bands, in place of the bands."""
        bands = [(item, item.band) for item in items if item.band is not None]
        for start in range(0, len(bands), self.together):
            self._finish(*zip(*bands[start : start + self.together], strict=True))

    def _finish(self, items: Sequence[Slice], bands: Sequence[np.ndarray]) -> None:
        values = [np.empty(item.side) for item in items]
        count = len(items)
        sides = (ctypes.c_int64 * count)(*(item.side for item in items))
        pointers = [(ctypes.c_void_p * count)(*(array.ctypes.data for array in each)) for each in (bands, values)]
        memory = self._memory(self._routines.finish_bytes(ctypes.c_int64(max(sides))))
        done = self._routines.finish(ctypes.c_int(count), sides, *pointers, _at(memory))
        for item, band, row in zip(items, bands, values, strict=True):
            found = row if done else _by_lapack(band, item.side)
            item.values, item.band = np.maximum(np.sort(found), 0.0), None

    def _memory(self, size: int) -> np.ndarray:
        return np.empty(size, np.uint8)


def _by_lapack(band: np.ndarray, side: int) -> np.ndarray:
    from scipy.linalg import eigvals_banded

    return np.asarray(eigvals_banded(np.ascontiguousarray(band[:side].T[: min(band.shape[1], side)]), lower=True))


def _steps(array: np.ndarray) -> list[int]:
    return [stride // array.itemsize for stride in array.strides]


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def joined(slices: Sequence[Slice]) -> np.ndarray:
    """[slices, M] eigenvalues of finished slices, the smallest of all of them exactly."""
    values = np.stack([item.whole() for item in slices])
    lowest = min(range(len(slices)), key=lambda index: slices[index].lowest)
    if not np.isnan(slices[lowest].smallest):
        values[lowest, 0] = slices[lowest].smallest
    return values


@functools.cache
def two_stage(lanes: int | None = None) -> TwoStage | None:
    """The routines for vectors of `lanes` doubles, by default the widest of this processor; None where none are."""
    lanes = widest() if lanes is None else lanes
    routines = library(SOURCE, lanes) if lanes else None
    return TwoStage(routines) if routines else None
