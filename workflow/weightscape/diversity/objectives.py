"""Gains of adding one row to a set, for greedy choices by diversity.

All compare directions (`rows.unit_rows`) by their cosine kernel K. With `there` the given rows and those chosen:

    log_det            log det(I + K / RIDGE) over the rows that are there. The gain of x is log(1 + v / RIDGE), where
                       v is the variance of x given these rows (Chen et al. 2018, arXiv 1709.05135, alg. 1, with a
                       ridge, which keeps rows apart that span no further dimension)
    least_diverse      the same, least gain first (module `least`)
    k_centre           1 - (largest cosine to a row that is there): Gonzalez 1985, Sener & Savarese 2018
    facility_location  sum over the candidates of the largest cosine to a row that is there, at least -1 (module
                       `facility`)
    vendi              Vendi score of order 1 of the rows that are there (module `entropy`)

An objective knows `bounds` [candidates] of its scores: the greatest score is chosen next. A score never rises as rows
are added, so an old one is a bound (Minoux 1978).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import Indices, Rows

Vector = NDArray[np.float64]

RIDGE = 0.01
"""Of the log-determinant: a row's own variance is 1, so that distances far below .1 count as noise."""
LAG = 64  # added rows after which all candidates are brought up to date by one product
MANY = 8  # the share of the candidates, one in so many, from which on one product for all is cheaper
PIECE = 4096  # candidates of one product


class Objective(Protocol):
    """Scores of candidates, `gain` is their form for people.

    `bounds` is changed in place; `batch` is the least number of candidates whose scores are asked for at once.
    """

    bounds: Vector
    batch: int

    def scores(self, rows: Indices) -> Vector:
        """Scores of these candidates now."""
        ...

    def add(self, row: int) -> None:
        """Put a candidate to the rows that are there."""
        ...

    def gain(self, row: int) -> float:
        """Gain of this candidate now, in the form that people read."""
        ...


class _Lagging:
    """Values that each added row changes by its product with the candidates, brought up to date in blocks."""

    batch = 16

    def __init__(self, candidates: Rows, values: Vector) -> None:
        self.candidates, self.values = candidates, values
        self.recent, self.count = np.empty((LAG, candidates.shape[1])), 0

    def fold(self, values: Vector, products: NDArray[np.float64]) -> Vector:
        """Values after rows were added, from the candidates' products [candidates, added] with them."""
        raise NotImplementedError

    def now(self, rows: Indices) -> Vector:
        if len(rows) * MANY > len(self.values):
            self.bring_up_to_date()
        if not self.count:
            return self.values[rows]
        return self.fold(self.values[rows], self.candidates[rows] @ self.recent[: self.count].T)

    def append(self, vector: Vector) -> None:
        self.recent[self.count] = vector
        self.count += 1
        if self.count == LAG:
            self.bring_up_to_date()

    def bring_up_to_date(self) -> None:
        """Fold what was added into the values of all candidates."""
        if not self.count:
            return
        recent, self.count = self.recent[: self.count].T, 0
        for start in range(0, len(self.values), PIECE):
            rows = slice(start, start + PIECE)
            self.values[rows] = self.fold(self.values[rows], self.candidates[rows] @ recent)


class Remainder:
    """Applies I - D'D, D being rows of the Cholesky factor of K + RIDGE for the rows that are there, in order."""

    def __init__(self, dimensions: int) -> None:
        self.factor, self.count = np.empty((dimensions, dimensions)), 0
        self.matrix: NDArray[np.float64] | None = None  # once D has as many rows as columns

    def of(self, row: Vector) -> Vector:
        """Part [dimensions] of a row; its product with any row is their covariance given those that are there."""
        if self.matrix is not None:
            return self.matrix @ row
        factor = self.factor[: self.count]
        return row - (factor @ row) @ factor

    def append(self, rows: Rows) -> None:
        """Put rows to D."""
        if self.matrix is None and self.count + len(rows) > len(self.factor):
            factor = self.factor[: self.count]
            self.matrix, self.factor = np.eye(factor.shape[1]) - factor.T @ factor, factor[:0]
        if self.matrix is None:
            self.factor[self.count : self.count + len(rows)] = rows
            self.count += len(rows)
        else:
            self.matrix -= rows.T @ rows


def conditioned(candidates: Rows, given: Rows) -> NDArray[np.float64]:
    """Candidates in coordinates in which products are covariances given some rows: v = RIDGE x' (RIDGE + G'G)^-1 x."""
    if len(given):
        gram = given.T @ given
        gram[np.diag_indices_from(gram)] += RIDGE
        candidates = np.linalg.solve(np.linalg.cholesky(gram), candidates.T).T * np.sqrt(RIDGE)
    return np.ascontiguousarray(candidates, np.float64)


def log_det_gain(variance: float) -> float:
    """Rise of log det(I + K / RIDGE) by a row of this variance given those that are there."""
    return float(np.log1p(max(0.0, variance) / RIDGE))


class LogDet(_Lagging):
    """Variances given the rows that are there."""

    def __init__(self, candidates: Rows, given: Rows) -> None:
        candidates = conditioned(candidates, given)
        super().__init__(candidates, np.einsum("ij,ij->i", candidates, candidates))
        self.remainder = Remainder(candidates.shape[1])
        self.bounds = self.values.copy()

    def fold(self, values: Vector, products: NDArray[np.float64]) -> Vector:
        return values - np.einsum("ij,ij->i", products, products)

    def scores(self, rows: Indices) -> Vector:
        return self.now(rows)

    def add(self, row: int) -> None:
        variance, x, recent = float(self.now(np.array([row]))[0]), self.candidates[row], self.recent[: self.count]
        left = self.remainder.of(x) - (recent @ x) @ recent
        self.append(left / np.sqrt(variance + RIDGE))

    def bring_up_to_date(self) -> None:
        self.remainder.append(self.recent[: self.count])
        super().bring_up_to_date()

    def gain(self, row: int) -> float:
        return log_det_gain(self.now(np.array([row]))[0])


class KCentre(_Lagging):
    """Distances to the nearest row that is there; 2 if there is none."""

    def __init__(self, candidates: Rows, given: Rows) -> None:
        super().__init__(candidates, np.full(len(candidates), -1.0))
        for start in range(0, len(given), LAG):
            self.values = self.fold(self.values, candidates @ given[start : start + LAG].T)
        self.bounds = 1 - self.values

    def fold(self, values: Vector, products: NDArray[np.float64]) -> Vector:
        return np.maximum(values, products.max(axis=1, initial=-1.0))

    def scores(self, rows: Indices) -> Vector:
        return 1 - self.now(rows)

    def add(self, row: int) -> None:
        self.append(self.candidates[row])

    def gain(self, row: int) -> float:
        return max(0.0, float(1 - self.now(np.array([row]))[0]))
