"""Gains of adding one row by the Vendi score of order 1, for greedy choices (`objectives`).

Among sets of one size the entropy -tr M log M of M = sum x x' orders as the Vendi score does, and it is submodular
(Friedland & Gaubert 2013), which the score is not. By log t = integral of 1 / (1 + s) - 1 / (t + s) over s > 0,
integrated by parts, x of length 1 changes tr M log M by 1 + integral of 1 / (1 + s) - log(1 + x' (M + s)^-1 x): a sum
over log-determinants of all ridges s. In ln s the trapezoidal rule converges exponentially.

M is diagonalised once in `LAG` added rows or more often. Between, x' (M + s)^-1 x is brought up to date by rank-one
updates for the `LEADING` candidates alone; all others have a lower score, as long as no bound of theirs is the highest.
"""

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import Indices, Rows

Vector = NDArray[np.float64]

STEP, LOWEST, HIGHEST = 0.65, -31.0, 31.0  # of ln s; highest beside that of the trace
LAG = 32  # added rows after which the matrix is diagonalised
LEADING = 512
PIECE = 2048  # candidates that are scored at once


class Vendi:
    """Rises of the entropy -tr M log M."""

    batch = 1

    def __init__(self, candidates: Rows, given: Rows) -> None:
        self.candidates, self.count = candidates, len(given)
        self.matrix = given.T @ given
        self.bounds = np.full(len(candidates), np.inf)
        self._diagonalise()

    def _diagonalise(self) -> None:
        """Puts the eigenvectors of M in place of the added rows, and finds the candidates that lead."""
        eigenvalues, self.vectors = np.linalg.eigh(self.matrix)
        positive = eigenvalues > np.finfo(float).eps * eigenvalues[-1]
        self.rank = int(positive.sum())
        self.entropy = float(-(eigenvalues[positive] * np.log(eigenvalues[positive])).sum())
        self.ridges = np.exp(np.arange(LOWEST, HIGHEST + np.log(1 + self.count + LAG), STEP))
        self.inverses = 1 / (np.where(positive, eigenvalues, 0)[:, None] + self.ridges)
        self.leading = self._leaders(LEADING)
        self.place = np.full(len(self.candidates), -1)
        self.place[self.leading] = np.arange(len(self.leading))
        self.turned = self.candidates[self.leading] @ self.vectors
        self.resolvents = self._resolvents(self.leading)
        self.lag = 0
        self.updates = np.empty((len(self.ridges), LAG, len(self.vectors)))  # (M + s)^-1 = R - sum of u u'
        self.along = np.empty((len(self.ridges), LAG, len(self.leading)))  # u' x

    def _leaders(self, most: int) -> Indices:
        """The candidates of the highest scores, as many as there are at most, whose bounds become scores."""
        known, size = np.zeros(len(self.bounds), bool), most
        while True:
            there = np.flatnonzero(known)
            best = there[np.argsort(-self.bounds[there], kind="stable")[:most]]
            least = self.bounds[best[-1]] if len(best) == most else np.finfo(float).min
            rivals = np.flatnonzero((self.bounds >= least) & ~known)
            if not len(rivals):
                return best
            if len(rivals) > size:
                rivals = rivals[np.argpartition(-self.bounds[rivals], size)[:size]]
            self.bounds[rivals], known[rivals], size = self._scores(rivals), True, 2 * size

    def _scores(self, rows: Indices) -> Vector:
        """Scores without the rows that were added since M was diagonalised."""
        pieces = (rows[start : start + PIECE] for start in range(0, len(rows), PIECE))
        return np.concatenate([self._rises(self._resolvents(piece)) for piece in pieces])

    def _resolvents(self, rows: Indices) -> NDArray[np.float64]:
        """x' (M + s)^-1 x [rows, ridges], from the eigenvectors of M that have an eigenvalue."""
        first = len(self.vectors) - self.rank
        squares = (self.candidates[rows] @ self.vectors[:, first:]) ** 2
        beyond = np.maximum(0, 1 - squares.sum(axis=1))
        return squares @ self.inverses[first:] + beyond[:, None] / self.ridges

    def _rises(self, resolvents: NDArray[np.float64]) -> Vector:
        """Rises of the entropy by rows of these x' (M + s)^-1 x [rows, ridges]."""
        levels = (self.ridges / (1 + self.ridges)).sum()
        return -1 - STEP * (levels - np.log1p(resolvents) @ self.ridges)

    def scores(self, rows: Indices) -> Vector:
        if (self.place[rows] < 0).any() and self.lag:
            self._diagonalise()
        if (self.place[rows] < 0).any():
            return self._scores(rows)
        return self._rises(self.resolvents[self.place[rows]])

    def add(self, row: int) -> None:
        place, x = self.place[row], self.candidates[row : row + 1]
        self.matrix += x.T @ x
        self.count += 1
        if place < 0 or self.lag + 1 == LAG:
            self._diagonalise()
            return
        self.entropy += float(self.scores(np.array([row]))[0])
        update = self.turned[place] * self.inverses.T
        update -= (self.along[:, None, : self.lag, place] @ self.updates[:, : self.lag])[:, 0]
        update /= np.sqrt(1 + self.resolvents[place])[:, None]
        along = self.turned @ update.T
        self.resolvents = np.maximum(0, self.resolvents - along**2)
        self.updates[:, self.lag], self.along[:, self.lag] = update, along.T
        self.lag += 1
        self.bounds[self.leading] = np.minimum(self.bounds[self.leading], self._rises(self.resolvents))

    def gain(self, row: int) -> float:
        """Rise of the Vendi score."""
        risen, size = self.entropy + float(self.scores(np.array([row]))[0]), self.count
        before = size * np.exp(self.entropy / size) if size else 0.0
        return float((size + 1) * np.exp(risen / (size + 1)) - before)
