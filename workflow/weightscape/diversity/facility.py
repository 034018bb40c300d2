"""Gains of adding one row by facility location: how much nearer all candidates come to a row that is there.

The gain of x is the sum over the candidates y of max(0, x'y - covered[y]). The y are sorted into clusters, and each x
has a bound of its rise over each cluster, which only falls as rows are added. Bounds are sums of float32 products to
which the largest rounding error is added; of the candidates that lead, those parts are computed anew that are large
and out of date. Once a candidate brings few y nearer it keeps its cosines with them, as no others can join them. A
score is a sum of float64 products.
"""

import numpy as np
from numpy.typing import NDArray

from weightscape.diversity.rows import Indices, Rows

Vector = NDArray[np.float64]

CLUSTER = 250  # rows of a cluster, on average
ROUNDS = 3  # of k-means
AHEAD = 64  # leading candidates whose bounds are brought up to date at once, at first
MOST_AHEAD = 1024
PART = 0.3  # of a candidate's largest part that is out of date, above which parts are computed anew
FEW = 1024  # candidates that the last row brought nearer, from which on cosines are kept
PIECE = 4096  # rows of one product
SUMMED = 1e-5  # relative rounding error of a sum in float32, and more


class FacilityLocation:
    """Rises of the candidates' largest cosines, summed."""

    batch = 1

    def __init__(self, candidates: Rows, given: Rows) -> None:
        count = len(candidates)
        self.candidates, self.step = candidates, 0
        self.order, self.starts = _clusters(candidates.astype(np.float32), max(1, count // CLUSTER))
        self.near = candidates[self.order].astype(np.float32)
        self.rounding = np.float32((candidates.shape[1] + 8) * np.finfo(np.float32).eps / 2)
        self.cluster = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        self.covered, self.lowest = np.full(count, -1.0), np.empty(count, np.float32)
        for start in range(0, len(given), PIECE):
            cosines = (candidates @ given[start : start + PIECE].T).max(axis=1)
            self.covered = np.maximum(self.covered, cosines[self.order])
        self.kept: dict[int, tuple[Indices, NDArray[np.floating]]] = {}  # places, and bounds of their cosines
        self.are_few = False  # those that a candidate brings nearer
        self.is_double = np.zeros(count, bool)  # whether the cosines that are kept are float64
        self.exact = np.zeros(count, int)  # the step at which a bound was a score
        self.seen = np.zeros(count, int)  # the step at which a bound was made of kept cosines
        self.bounds = count + candidates @ candidates.sum(axis=0)
        self.parts = np.empty((0, 0), np.float32)
        if len(given):
            self._compare_all()

    def _compare_all(self) -> None:
        """Bounds of all rises, each over each cluster."""
        count, clusters = len(self.order), len(self.starts) - 1
        self.parts = np.empty((count, clusters), np.float32)
        self.lowest[:] = self.covered - self.rounding
        for left in range(clusters):
            here = slice(*self.starts[left : left + 2])
            for right in range(left, clusters):
                there = slice(*self.starts[right : right + 2])
                products = self.near[here] @ self.near[there].T
                self.parts[here, right] = np.maximum(products - self.lowest[there], 0).sum(axis=1)
                if right > left:
                    products -= self.lowest[here, None]
                    self.parts[there, left] = np.maximum(products, 0, out=products).sum(axis=0)
        self.parts *= 1 + SUMMED
        self.updated = np.full((count, clusters), self.step, np.int32)  # the step of each part
        self.changed = np.zeros(clusters, int)  # the last step at which a cluster came nearer
        self.place = np.empty(count, int)
        self.place[self.order] = np.arange(count)
        self.bounds[self.order] = np.minimum(self.bounds[self.order], self.parts.sum(axis=1, dtype=float))
        self.exact[:] = -1

    def _brought_nearer(self, row: int) -> tuple[Indices, NDArray[np.floating]]:
        """The places of the candidates that a row may bring nearer, and its cosines with them."""
        if row not in self.kept and not len(self.parts):
            return np.arange(len(self.order)), (self.candidates @ self.candidates[row])[self.order]
        if row not in self.kept:
            self._keep(np.array([row]))
        places, cosines = self.kept[row]
        nearer = cosines > self.covered[places]
        if not self.is_double[row]:
            places, self.is_double[row] = places[nearer], True
            self.kept[row] = places, self.candidates[self.order[places]] @ self.candidates[row]
        elif 2 * nearer.sum() < len(places):
            self.kept[row] = places[nearer], cosines[nearer]
        return self.kept[row]

    def _keep(self, rows: Indices) -> None:
        """Keeps the bounds of the cosines of some rows with all that they may bring nearer."""
        x, parts = self.near[self.place[rows]], self.parts[self.place[rows]] > 0
        found: list[list[tuple[Indices, NDArray[np.float32]]]] = [[] for _ in rows]
        for cluster in np.flatnonzero(parts.any(axis=0)):
            there, some = slice(*self.starts[cluster : cluster + 2]), np.flatnonzero(parts[:, cluster])
            products = (x if len(some) == len(x) else x[some]) @ self.near[there].T
            at, columns = np.divmod(np.flatnonzero(products > self.lowest[there]), products.shape[1])
            ends = np.searchsorted(at, np.arange(len(some) + 1))
            places, cosines = (columns + there.start).astype(np.int32), products[at, columns] + self.rounding
            for row, start, stop in zip(some, ends[:-1], ends[1:], strict=True):
                if stop > start:
                    found[row].append((places[start:stop], cosines[start:stop]))
        for row, kept in zip(rows, found, strict=True):
            places, cosines = zip(*kept, strict=True) if kept else ([np.empty(0, np.int32)], [np.empty(0, np.float32)])
            self.kept[row] = np.concatenate(places), np.concatenate(cosines)
        self.is_double[rows] = False

    def scores(self, rows: Indices) -> Vector:
        for row in rows[self.exact[rows] < self.step]:
            places, cosines = self._brought_nearer(row)
            rises = cosines - self.covered[places]
            self.bounds[row] = np.maximum(0, rises).sum()
            self.exact[row] = self.seen[row] = self.step
            if not self.are_few:
                self.kept.pop(row, None)
        return self.bounds[rows]

    def add(self, row: int) -> None:
        places, cosines = self._brought_nearer(row)
        nearer = cosines > self.covered[places]
        places = places[nearer]
        self.are_few |= len(places) <= FEW
        self.covered[places] = cosines[nearer]
        self.step += 1
        self.bounds[row] = -np.inf
        if len(self.parts):
            self.lowest[places] = self.covered[places] - self.rounding
            self.changed[np.unique(self.cluster[places])] = self.step
            self.kept.pop(row, None)
        else:
            self._compare_all()
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Lowers the leading bounds until one leads that has no part out of date."""
        ahead = AHEAD
        while True:
            count = min(ahead, len(self.bounds))
            rows = np.argpartition(-self.bounds, count - 1)[:count]
            is_kept = np.array([row in self.kept for row in rows])
            old = np.where(self.updated[self.place[rows]] < self.changed, self.parts[self.place[rows]], 0)
            is_old = np.where(is_kept, self.seen[rows] < self.step, old.any(axis=1) & (self.exact[rows] < self.step))
            best = self.bounds[rows[~is_old]].max(initial=np.finfo(float).min)
            is_old &= self.bounds[rows] > best
            if not is_old.any():
                return
            others = is_old & ~is_kept
            if self.are_few and others.any():
                self._keep(rows[others])
                is_kept |= others
            for row in rows[is_old & is_kept]:
                places, cosines = self.kept[row]
                self.bounds[row] = min(self.bounds[row], np.maximum(0, cosines - self.covered[places]).sum())
                self.seen[row] = self.step
            self._update(rows[is_old & ~is_kept], old[is_old & ~is_kept])
            ahead = min(2 * ahead, MOST_AHEAD)

    def _update(self, rows: Indices, old: NDArray[np.float32]) -> None:
        """Lowers the bounds of some rows by the largest of their parts that are out of date."""
        large = (old >= PART * old.max(axis=1, keepdims=True, initial=0)) & (old > 0)
        for cluster in np.flatnonzero(large.any(axis=0)):
            places, there = self.place[rows[large[:, cluster]]], slice(*self.starts[cluster : cluster + 2])
            rises = self.near[places] @ self.near[there].T
            rises -= self.lowest[there]
            self.parts[places, cluster] = np.maximum(rises, 0, out=rises).sum(axis=1) * np.float32(1 + SUMMED)
            self.updated[places, cluster] = self.step
        self.bounds[rows] = np.minimum(self.bounds[rows], self.parts[self.place[rows]].sum(axis=1, dtype=float))

    def gain(self, row: int) -> float:
        return float(self.scores(np.array([row]))[0])


def _clusters(rows: NDArray[np.float32], count: int) -> tuple[Indices, Indices]:
    """An order of the rows by cluster, and where each cluster starts, with the end."""
    centres = rows[np.linspace(0, len(rows) - 1, count).astype(int)]
    order, starts = np.arange(len(rows)), np.zeros(1, int)
    for _ in range(ROUNDS):
        nearest = np.argmax(rows @ centres.T - (centres**2).sum(axis=1) / 2, axis=1)
        order = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[order], np.unique(nearest))
        centres = np.add.reduceat(rows[order], starts) / np.diff([*starts, len(rows)])[:, None].astype(np.float32)
    return order, np.append(starts, len(rows))
