"""Chooses the rows that add least to the log-determinant (`objectives`), one after the other.

The variance of a row given those that are there only falls, so that an old one bounds no choice of the smallest.
Choices are made ahead among the candidates whose variances are smallest, then checked against all others by one
product; those after the first at which another candidate was smaller are taken back. The first is always right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity import objectives
from weightscape.diversity.objectives import LAG, PIECE, RIDGE, Vector
from weightscape.diversity.rows import Indices, Rows

NEAR = 4096  # candidates among which choices are made ahead


@dataclass(frozen=True)
class _Ahead:
    """Choices made ahead: rows, the smallest variance before each, its own, and directions [choices, dimensions].

    `closed` [groups] is the number of choices after which a group has no more room.
    """

    rows: Indices
    smallest: Vector
    variances: Vector
    directions: Rows
    closed: Indices


class Least:
    """Variances [candidates] given the rows that are there; infinite for those that may not be chosen."""

    def __init__(self, candidates: Rows, given: Rows, groups: Indices, room: Indices, tie: float) -> None:
        self.candidates, self.groups, self.tie = objectives.conditioned(candidates, given), groups, tie
        self.room = room.copy()
        self.values = np.einsum("ij,ij->i", self.candidates, self.candidates)
        self.values[self.room[groups] <= 0] = np.inf
        self.remainder = objectives.Remainder(candidates.shape[1])

    def choose(self, budget: int) -> tuple[Indices, Vector]:
        """So many rows in their order, and the rise of the log-determinant by each."""
        rows, variances, most = np.empty(0, int), np.empty(0), 1
        while len(rows) < budget:
            near = self._near()
            ahead = self._ahead(near, min(most, budget - len(rows)))
            fallen, right = self._checked(near, ahead)
            self._take(ahead, fallen, right)
            rows = np.append(rows, ahead.rows[:right])
            variances = np.append(variances, ahead.variances[:right])
            most = min(LAG, 2 * right)
        return rows, np.array([objectives.log_det_gain(variance) for variance in variances])

    def _near(self) -> Indices:
        """The candidates of the smallest variances in their order, with the first of the smallest."""
        if len(self.values) <= NEAR:
            return np.arange(len(self.values))
        first = np.flatnonzero(self.values <= self.values.min() + self.tie)[0]
        return np.union1d(np.argpartition(self.values, NEAR)[:NEAR], [first])

    def _ahead(self, near: Indices, most: int) -> _Ahead:
        """At most so many choices among the candidates `near`."""
        there, values, groups, room = self.candidates[near], self.values[near], self.groups[near], self.room.copy()
        rows, smallest, variances = np.empty(most, int), np.empty(most), np.empty(most)
        directions, closed = np.empty((most, there.shape[1])), np.full(len(room), most)
        for step in range(most):
            least = values.min()
            if not np.isfinite(least):
                most = step
                break
            at = np.flatnonzero(values <= least + self.tie)[0]
            before = directions[:step]
            left = self.remainder.of(there[at]) - (before @ there[at]) @ before
            directions[step] = left / np.sqrt(max(0.0, values[at]) + RIDGE)
            rows[step], smallest[step], variances[step] = near[at], least, values[at]
            values -= (there @ directions[step]) ** 2
            values[at] = np.inf
            room[groups[at]] -= 1
            if not room[groups[at]]:
                values[groups == groups[at]] = np.inf
                closed[groups[at]] = step + 1
        return _Ahead(rows[:most], smallest[:most], variances[:most], directions[:most], closed)

    def _checked(self, near: Indices, ahead: _Ahead) -> tuple[NDArray[np.float64], int]:
        """How far all variances fall [candidates, choices], and the number of choices before the first wrong one."""
        steps = np.arange(len(ahead.rows))
        fallen, right = np.empty((len(self.values), len(steps))), len(steps)
        is_near = np.zeros(len(self.values), bool)
        is_near[near] = True
        for start in range(0, len(self.values), PIECE):
            rows = np.arange(start, min(start + PIECE, len(self.values)))
            np.cumsum(
                (self.candidates[rows[0] : rows[-1] + 1] @ ahead.directions.T) ** 2,
                axis=1,
                out=fallen[rows[0] : rows[-1] + 1],
            )
            others = rows[~is_near[rows] & np.isfinite(self.values[rows])]
            before = self.values[others, None] - np.pad(fallen[others, :-1], ((0, 0), (1, 0)))
            is_first = others[:, None] < ahead.rows
            wrong = (before < ahead.smallest) | (is_first & (before <= ahead.smallest + self.tie))
            wrong &= steps < ahead.closed[self.groups[others], None]
            found = np.flatnonzero(wrong.any(axis=0))
            right = min([right, *found[:1]])
        return fallen, right

    def _take(self, ahead: _Ahead, fallen: NDArray[np.float64], right: int) -> None:
        """Make the first choices, which are right."""
        self.values -= fallen[:, right - 1]
        self.values[ahead.rows[:right]] = np.inf
        self.remainder.append(ahead.directions[:right])
        np.subtract.at(self.room, self.groups[ahead.rows[:right]], 1)
        self.values[self.room[self.groups] <= 0] = np.inf
