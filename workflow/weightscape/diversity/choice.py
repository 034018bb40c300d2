"""Chooses rows from candidates, so that they add most diversity to the rows that are already there.

Every method but `random` is greedy: the next row is the one with the largest gain (`objectives`; `least_diverse` takes
the smallest), a tie goes to the smaller number. Gains are evaluated lazily (Minoux 1978), with the same result as
evaluating all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.entropy import Vendi
from weightscape.diversity.facility import FacilityLocation
from weightscape.diversity.least import Least
from weightscape.diversity.objectives import KCentre, LogDet, Objective
from weightscape.diversity.rows import Indices, Rows, check_rows, unit_rows

OBJECTIVES: dict[str, Callable[[Rows, Rows], Objective]] = {
    "log_det": LogDet,
    "vendi": Vendi,
    "k_centre": KCentre,
    "facility_location": FacilityLocation,
}
RANDOM, LEAST = "random", "least_diverse"
METHODS = (RANDOM, *OBJECTIVES, LEAST)

TIE = 1e-9  # difference of scores that is rounding


@dataclass(frozen=True)
class Pool:
    """Candidates [n, d], the rows already there [m, d], and how many of each group of candidates may be chosen.

    `groups` [n] has the number of each candidate's group, an index into `room`; None is one group without a limit.
    """

    candidates: Rows
    given: Rows | None = None
    groups: Indices | None = None
    room: Indices | None = None


@dataclass(frozen=True)
class Choice:
    """The chosen candidates in their order, and what each added to those before it: NaN where nothing was compared."""

    rows: Indices
    gains: NDArray[np.float64]


def choose(method: str, pool: Pool, budget: int, rng: np.random.Generator | None = None) -> Choice:
    """Chooses `budget` of the candidates; `random` draws them from `rng`, all other methods use no chance."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    groups, room = _limits(pool)
    most = int(np.minimum(np.bincount(groups, minlength=len(room)), room).sum())
    if not 1 <= budget <= most:
        raise ValueError(f"budget must lie between 1 and the {most} candidates that may be chosen, got {budget}")
    if method == RANDOM:
        if rng is None:
            raise ValueError("a random choice needs a random generator")
        return _random(groups, room, budget, rng)
    candidates, given = _directions(pool)
    if method == LEAST:
        return Choice(*Least(candidates, given, groups, room, TIE).choose(budget))
    return _greedy(OBJECTIVES[method](candidates, given), groups, room, budget)


def _limits(pool: Pool) -> tuple[Indices, Indices]:
    count = len(pool.candidates)
    if pool.groups is None or pool.room is None:
        return np.zeros(count, int), np.array([count])
    return pool.groups, np.array(pool.room)


def _directions(pool: Pool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of length 1, in no more dimensions than there are rows."""
    check_rows("candidates", pool.candidates)
    dimensions = pool.candidates.shape[1]
    given = np.empty((0, dimensions)) if pool.given is None else pool.given
    if len(given):
        check_rows("given", given, dimensions)
    candidates, given = unit_rows(pool.candidates), unit_rows(given)
    rows = len(candidates) + len(given)
    if rows < dimensions:
        turned = np.linalg.qr(np.concatenate([candidates, given]).T)[1].T
        candidates, given = turned[: len(candidates)], turned[len(candidates) :]
    return candidates, given


def _random(groups: Indices, room: Indices, budget: int, rng: np.random.Generator) -> Choice:
    """The first of a random order that there is room for."""
    order = rng.permutation(len(groups))
    rank = np.empty(len(groups), int)
    for group in range(len(room)):
        members = np.flatnonzero(groups[order] == group)
        rank[members] = np.arange(len(members))
    chosen = order[rank < room[groups[order]]][:budget]
    return Choice(chosen, np.full(budget, np.nan))


def _greedy(objective: Objective, groups: Indices, room: Indices, budget: int) -> Choice:
    bounds, left = objective.bounds, room.copy()
    bounds[left[groups] <= 0] = -np.inf
    chosen, gains = np.empty(budget, int), np.empty(budget)
    looked = objective.batch
    for step in range(budget):
        row, looked = _best(objective, bounds, looked)
        chosen[step], gains[step] = row, objective.gain(row)
        objective.add(row)
        bounds[row] = -np.inf
        left[groups[row]] -= 1
        if not left[groups[row]]:
            bounds[groups == groups[row]] = -np.inf
    return Choice(chosen, gains)


def _best(objective: Objective, bounds: NDArray[np.float64], expected: int) -> tuple[int, int]:
    """The first of the candidates with the largest score, and how many were looked at: their bounds become scores."""
    best, size, known = -np.inf, max(objective.batch, expected // 2), np.zeros(len(bounds), bool)
    rivals = np.array([bounds.argmax()])
    while len(rivals):
        bounds[rivals], known[rivals] = objective.scores(rivals), True
        best = max(best, bounds[rivals].max())
        rivals = np.flatnonzero((bounds >= best - TIE) & ~known)
        if len(rivals) > size:
            rivals = rivals[np.argpartition(-bounds[rivals], size)[:size]]
        size *= 2
    looked = np.flatnonzero(known)
    return int(looked[bounds[looked] >= best - TIE][0]), len(looked)
