"""Gains of adding one row by facility location: how much nearer all candidates come to a row that is there.

The gain of x is the sum over the candidates y of max(0, x'y - covered[y]). A sample foresees the first choices, until
few pairs are left that can come nearer. Then all pairs are compared once, in float32 with the largest rounding error
added: for the step after them the cosines of those few pairs are kept, for some steps on the way (levels) sums bound
the gains. A choice that was foreseen wrongly raises these bounds, and is corrected. Scores are sums in float64.
"""

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import Indices, Rows

Vector = NDArray[np.float64]
Found = tuple[NDArray[np.uint16], Indices, NDArray[np.int16]]  # rows within a block, places, cosines in units

PAIRS = 10**8  # cosines that are kept, 4 bytes each
BLOCK = 512  # rows of one product; at most 65536
SAMPLE = 1024  # candidates whose covering foresees the choices
FORESEEN = 32  # choices, at most
AHEAD = 64  # leading candidates whose bounds are brought up to date at once
LEVEL = 0.02  # of the candidates: how many may keep a bound above the foreseen choice
PIECE = 128  # given rows of one product
UNITS = 30000  # of a cosine that is kept
NEVER = 2.0  # a cosine that no pair has
LEAST = 1e-13  # distance from 1 that is rounding
SAME = 1e-9  # differences of cosines which the rounding that is added has room for


class FacilityLocation:
    """Rises of the candidates' largest cosines, summed."""

    batch = 1

    def __init__(self, candidates: Rows, given: Rows) -> None:
        count = len(candidates)
        self.candidates, self.step = candidates, 0
        self.rounding = np.float32((candidates.shape[1] + 8) * np.finfo(np.float32).eps / 2)
        self.covered = np.full(count, -1.0)
        for start in range(0, len(given), PIECE):
            np.maximum(self.covered, (candidates @ given[start : start + PIECE].T).max(axis=1), out=self.covered)
        self.bounds = count + candidates @ candidates.sum(axis=0)
        first = -1 if len(given) else 0
        self.seen = np.full(count, first)  # the step at which a bound was brought up to date
        self.exact = np.full(count, first)  # the step at which a bound was a score
        self.complete_at = first + 1  # the step from which on the cosines that are kept are all that count
        self.place = np.min_scalar_type(count - 1).type
        self.kept: dict[int, tuple[Indices, NDArray[np.int16]]] = {}  # places that come nearer, and their cosines
        self.floor = np.full(count, np.inf)  # cosines that are kept lie above it
        self.levels: list[tuple[Vector, Vector]] = []  # what is foreseen to be covered, and bounds of the gains then
        if len(given):
            self._proceed()

    def scores(self, rows: Indices) -> Vector:
        self._evaluate(rows[self.exact[rows] < self.step])
        return self.bounds[rows]

    def add(self, row: int) -> None:
        places, cosines = self._cosines(row)
        self.covered[places] = np.maximum(self.covered[places], cosines)
        self.step += 1
        self.bounds[row] = -np.inf
        self.kept.pop(row, None)
        self._proceed()

    def gain(self, row: int) -> float:
        return float(self.scores(np.array([row]))[0])

    def _proceed(self) -> None:
        """Compares all pairs when it is time to, and lowers the leading bounds until one leads that is up to date."""
        if self.step == self.complete_at and (self.floor > self.covered + SAME).any():
            self._compare_all()
        for covered, sums in self.levels:
            np.minimum(self.bounds, sums + np.maximum(0, covered - self.covered).sum(), out=self.bounds)
        if self.step >= self.complete_at:
            self.levels = []
        self.units = np.floor(self.covered * UNITS).astype(np.int32)
        rows, best = np.array([self.bounds.argmax()]), np.finfo(float).min
        while (self.bounds[rows] > best).any():
            self._lower(rows)
            best = max(best, self.bounds[rows].max())
            rows = np.flatnonzero((self.bounds > best) & (self.seen < self.step))
            is_sure = np.count_nonzero(self.exact == self.step) > 2 * AHEAD  # that `best` is near the largest gain
            if self.levels and is_sure and self._correct(2 * len(rows)):
                rows = np.flatnonzero((self.bounds > best) & (self.seen < self.step))
            rows = _largest(rows, self.bounds[rows], AHEAD)

    def _correct(self, most: int) -> bool:
        """Turns the nearest level into what is covered now if it differs at some places, and at no more than `most`."""
        at = min(range(len(self.levels)), key=lambda at: np.count_nonzero(self.levels[at][0] != self.covered))
        before, sums = self.levels[at]
        places = np.flatnonzero(before != self.covered)
        if not 0 < len(places) <= most:
            return False
        now, before, near = self.covered[places], before[places], self.candidates[places].astype(np.float32).T
        for here in self._blocks():
            products = self.candidates[here].astype(np.float32) @ near
            sums[here] += np.maximum(products - self._low(now), 0).sum(axis=1, dtype=float)
            products -= (before + self.rounding).astype(np.float32)
            sums[here] -= np.maximum(products, 0, out=products).sum(axis=1, dtype=float)
        self.levels[at] = self.covered.copy(), sums
        np.minimum(self.bounds, sums, out=self.bounds)
        return True

    def _has_kept(self, row: int) -> bool:
        return self.step >= self.complete_at and row in self.kept

    def _lower(self, rows: Indices) -> None:
        """Brings the bounds of some rows up to date."""
        has_kept = np.array([self._has_kept(row) for row in rows], bool)
        for row in rows[has_kept]:
            places, cosines = self.kept[row]
            rises = cosines - self.units[places]
            np.maximum(rises, 0, out=rises)
            self.bounds[row] = min(self.bounds[row], rises.sum() / UNITS)
            if 2 * np.count_nonzero(rises) < len(places):
                nearer = np.flatnonzero(rises)
                self.kept[row] = places[nearer], cosines[nearer]
        self.seen[rows] = self.step
        self._evaluate(rows[~has_kept])

    def _evaluate(self, rows: Indices) -> None:
        """Makes the bounds of some rows scores."""
        has_kept = np.array([self._has_kept(row) for row in rows], bool)
        for row in rows[has_kept]:
            places, cosines = self._cosines(row)
            self.bounds[row] = np.maximum(0, cosines - self.covered[places]).sum()
        others = rows[~has_kept]
        for start in range(0, len(others), AHEAD):
            some = others[start : start + AHEAD]
            rises = self._rises(some, self.covered)
            self.bounds[some] = rises.sum(axis=1)
            if self.step >= self.complete_at:
                self._keep_few(some, rises)
        self.exact[rows] = self.seen[rows] = self.step

    def _rises(self, rows: Indices, covered: Vector, every: int = 1) -> NDArray[np.float64]:
        """How much nearer each of the rows brings every so-many-th candidate."""
        rises = self.candidates[rows] @ self.candidates[::every].T
        rises -= covered[::every]
        return np.maximum(rises, 0, out=rises)

    def _keep_few(self, rows: Indices, rises: NDArray[np.float64]) -> None:
        """Keeps the cosines of rows of which too many came nearer before."""
        for row, rise in zip(rows, rises, strict=True):
            places = np.flatnonzero(rise).astype(self.place)
            if len(places) * len(self.bounds) <= PAIRS:
                self.kept[row] = places, np.ceil((self.covered + rise)[places] * UNITS).astype(np.int16)

    def _cosines(self, row: int) -> tuple[Indices, Vector]:
        """The places of the candidates that a row may bring nearer, and its cosines with them."""
        if not self._has_kept(row):
            return np.arange(len(self.candidates)), self.candidates @ self.candidates[row]
        places, _ = self.kept[row]
        return places, self.candidates[places] @ self.candidates[row]

    def _low(self, covered: Vector) -> NDArray[np.float32]:
        """Thresholds of the products that may bring a candidate nearer."""
        return np.where(covered > 1 - LEAST, NEVER, covered - self.rounding).astype(np.float32)

    def _foresee(self, most: int) -> tuple[list[Vector], int]:
        """Guesses what will be covered at some steps to come, and the step at which few enough pairs are left."""
        covered, levels, is_free = self.covered.copy(), [], self.bounds > -np.inf
        every, fewer = (max(1, len(covered) // size) for size in (SAMPLE, 8 * SAMPLE))
        sample = np.arange(0, len(covered), every)
        products, gains = np.empty((len(covered), len(sample)), np.float32), np.empty(len(covered))
        near, before = self.candidates[sample].astype(np.float32).T, np.full(len(covered), np.inf)
        for here in self._blocks():
            products[here] = self.candidates[here].astype(np.float32) @ near
        step = self.step
        while True:
            pairs, low = 0, self._low(covered[sample])
            for here in self._blocks():
                rises = np.maximum(products[here] - low, 0)
                gains[here] = rises.sum(axis=1)
                pairs += np.count_nonzero(rises)
            if pairs * len(covered) <= PAIRS * len(sample) or step == self.step + most or not is_free.any():
                return [*levels, covered], step
            free = np.flatnonzero(is_free)
            rows = _largest(free, gains[free], AHEAD * fewer)
            rows = _largest(rows, self._rises(rows, covered, fewer).sum(axis=1), AHEAD)
            exact = self._rises(rows, covered).sum(axis=1)
            row = rows[exact.argmax()]
            if np.mean(before > exact.max() * len(sample) / len(covered)) > LEVEL:
                levels.append(covered)
                before = gains.copy()
            covered, is_free[row] = np.maximum(covered, self.candidates @ self.candidates[row]), False
            step += 1

    def _blocks(self) -> list[slice]:
        return [slice(start, min(start + BLOCK, len(self.bounds))) for start in range(0, len(self.bounds), BLOCK)]

    def _compare_all(self) -> None:
        """Bounds of all gains at the steps that are foreseen, and the cosines of all that still come nearer then."""
        foreseen, self.complete_at = self._foresee(FORESEEN if np.isinf(self.floor).any() else 0)
        self.floor = foreseen[-1]
        count, blocks = len(self.bounds), self._blocks()
        lows, sums = [self._low(covered) for covered in foreseen], np.zeros((len(foreseen), count))
        self.kept, found = {}, [[] for _ in blocks]
        for left, here in enumerate(blocks):
            x = self.candidates[here].astype(np.float32)
            for right, there in enumerate(blocks[left:], left):
                products = x @ self.candidates[there].astype(np.float32).T
                for low, total in zip(lows, sums, strict=True):
                    total[here] += np.maximum(products, low[there]).sum(axis=1)
                    if right > left:
                        total[there] += np.maximum(products, low[here, None]).sum(axis=0)
                rows, columns, cosines = self._above(products, lows[-1][there])
                found[left].append((rows, columns + self.place(there.start), cosines))
                if right > left:
                    rows, columns, cosines = self._above(products, lows[-1][here, None])
                    found[right].append((columns, rows + self.place(here.start), cosines))
            self._keep(here, found[left])
            found[left] = []
        rounding = count * BLOCK * NEVER * np.finfo(np.float32).eps / 2  # of the sums in float32, at most
        self.levels = [
            (covered, total - low.sum(dtype=float) + rounding)
            for covered, low, total in zip(foreseen, lows, sums, strict=True)
        ]

    def _above(self, products: NDArray[np.float32], low: NDArray[np.float32]) -> Found:
        """Rows, columns and rounded up values of the products that are above `low`."""
        at = np.flatnonzero(products > low)
        rows, columns = np.divmod(at.astype(np.uint32), np.uint32(products.shape[1]))
        cosines = np.ceil((products.ravel()[at] + self.rounding) * UNITS).astype(np.int16)
        return rows.astype(np.uint16), columns.astype(np.uint16), cosines

    def _keep(self, here: slice, found: list[Found]) -> None:
        """Keeps what was found of the candidates of a block, of the fewest first where it is too much."""
        rows, places, cosines = (np.concatenate(part) for part in zip(*found, strict=True))
        order, counts = np.argsort(rows, kind="stable"), np.bincount(rows, minlength=here.stop - here.start)
        places, cosines, ends = places[order], cosines[order], np.cumsum(counts)
        fewest = np.argsort(counts, kind="stable")
        room = 2 * PAIRS * len(counts) / len(self.bounds)
        for row in fewest[np.cumsum(counts[fewest]) <= room]:
            part = slice(ends[row] - counts[row], ends[row])
            self.kept[here.start + int(row)] = places[part].copy(), cosines[part].copy()


def _largest(rows: Indices, values: Vector, most: int) -> Indices:
    """The rows of the largest values [rows], in no order."""
    return rows[np.argpartition(-values, most)[:most]] if len(rows) > most else rows
