"""Takes the effect of diversity apart: its regression on the effects (signatures) of known interventions.

An intervention's signature is its effect on a vector of features, whitened by their covariance between runs of one
condition, pooled over conditions; there the noise of an effect is alike in all directions. With all effects at unit
length, diversity = sum_j b_j signature_j + a part of its own. A ridge of .1 keeps b stable where signatures are alike,
and gives each an equal part of what they share. Effects are measured with noise, and share that of their
reference: inner products are taken less their noise, p sum_c a_c b_c t_c / n_c for p features and contrasts a and b of
condition means, where t_c is condition
c's variance in whitened units, at least 1. An estimated covariance on m degrees of freedom inflates squares by
m / (m - p - 1), which is taken out. Errors follow by the delta method from the noise of the effects, and from that of
the covariance, which turns directions by about 1 / sqrt(m - p - 3) (the variances of an inverse Wishart matrix).
Whitening by the estimate spreads the noise as well: for S of m degrees of freedom and mean 1, E[S^-1 S^-1] is
m^2 (m - 1) / ((m - p) (m - p - 1) (m - p - 3)) (von Rosen 1988), which is m (m - 1) / ((m - p) (m - p - 3)) times the
inflation of a square. Without that factor 95 % intervals of a difference of coefficients cover 90 %.

Whether an effect differs from zero: Hotelling's T^2. Whether diversity has a part of its own: the smallest eigenvalue
of the effects' squares against their noise, F on p - k degrees of freedom for k signatures (total least squares;
conservative if signatures are weak).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import fdtrc

from weightscape.metrics.analysis.contrasts import NAN, Interval, Values, t_interval
from weightscape.metrics.analysis.design import Design, Weights
from weightscape.metrics.effects import varies

RIDGE = 0.1
"""Added to the squares of unit signatures: what two of them have in common is shared between them."""
NEAR = 0.5**0.5
"""The cosine at which a signature alone explains half of the squared length."""
CLOSE = 0.05
"""Cosines that differ by less are not told apart, however small their errors."""
DISTINCT = 1e-6
"""Least eigenvalue of the features' correlation; directions below it are another feature's."""
LEAST_DF = 2.0
"""Degrees of freedom of the covariance for each feature, at least."""
STEP = 1e-5
"""Of the numerical derivative, in shares of an inner product's largest value."""


@dataclass(frozen=True)
class Signed:
    """An intervention as a signature: the contrast that is its effect, and -1 if its opposite is meant."""

    name: str
    weights: Weights
    sign: float = 1.0


@dataclass(frozen=True)
class Whitened:
    """Effects [features, interventions] in whitened units, their noise [interventions, interventions], and its df."""

    effects: Values
    noise: Values
    df: float

    @property
    def p(self) -> Values:
        """p of each effect being zero (Hotelling)."""
        p, m = len(self.effects), self.df
        squares = (self.effects**2).sum(axis=0) / np.diag(self.noise)
        return fdtrc(p, m - p + 1, squares * (m - p + 1) / (m * p))

    @property
    def products(self) -> Values:
        """The inner products of the effects without noise."""
        p, m = len(self.effects), self.df
        return (m - p - 1) / m * self.effects.T @ self.effects - p * self.noise

    @property
    def have_directions(self) -> NDArray[np.bool_]:
        """Whether the squared length of each effect, without noise, exceeds twice its standard error."""
        noise, p = np.diag(self.noise), len(self.effects)
        squares = np.diag(self.products)
        return squares > 2 * np.sqrt(4 * np.maximum(squares, 0.0) * noise + 2 * p * noise**2)

    def only(self, chosen: Sequence[int]) -> "Whitened":
        """Some of the interventions."""
        return Whitened(self.effects[:, chosen], self.noise[np.ix_(chosen, chosen)], self.df)


def whitened(design: Design, values: Values, interventions: Sequence[Signed]) -> Whitened | None:
    """The effects of interventions on features [runs, features]; None if too few runs repeat a condition."""
    rows = {c: at for c, at in design.rows.items() if np.isfinite(values[at]).all()}
    rest = {c: values[at] - values[at].mean(axis=0) for c, at in rows.items() if len(at) > 1}
    df = sum(len(each) - 1 for each in rest.values())
    if df == 0:
        return None
    covariance = np.sum([each.T @ each for each in rest.values()], axis=0) / df
    deviation = np.sqrt(np.diag(covariance))
    moving = varies(deviation, np.abs(values[np.concatenate(list(rows.values()))]).max(axis=0))
    scale = np.where(moving, deviation, 1.0)
    sizes, axes = np.linalg.eigh((covariance / np.outer(scale, scale))[np.ix_(moving, moving)])
    distinct = sizes > DISTINCT
    if not distinct.any() or df < LEAST_DF * distinct.sum():
        return None
    turn = (axes / np.sqrt(np.where(distinct, sizes, 1.0)))[:, distinct] / scale[moving][:, None]
    of_runs = {c: float(((each[:, moving] @ turn) ** 2).sum()) / (len(each) - 1) for c, each in rest.items()}
    spread = {c: max(1.0, square / int(distinct.sum())) for c, square in of_runs.items()}
    weights = np.zeros((len(interventions), len(rows)))
    place = {condition: k for k, condition in enumerate(rows)}
    for k, each in enumerate(interventions):
        for condition, weight in each.weights.items():
            weights[k, place[condition]] += each.sign * weight
    means = np.array([values[at].mean(axis=0) for at in rows.values()])[:, moving] @ turn
    errors = np.array([spread.get(c, 1.0) / len(at) for c, at in rows.items()])
    return Whitened((weights @ means).T, (weights * errors) @ weights.T, df)


@dataclass(frozen=True)
class Regression:
    """The effect of the first intervention in terms of k others; `values` and their covariance hold three blocks.

    Coefficients [k] of unit signatures and cosines [k] with them, and the share of the squared length that is its own.
    `lengths` [k + 1] are in standard deviations of a run.
    """

    values: Values
    covariance: Values
    lengths: Values
    df: float
    own_p: float

    @property
    def k(self) -> int:
        """The number of signatures."""
        return len(self.lengths) - 1

    def contrast(self, weights: Mapping[int, float], level: float) -> Interval:
        """A sum of values with these weights by place, its interval and two-sided p of zero."""
        w = np.zeros(len(self.values))
        w[list(weights)] = list(weights.values())
        return t_interval(float(w @ self.values), float(np.sqrt(w @ self.covariance @ w)), self.df, level)

    def coefficient(self, at: int, level: float) -> Interval:
        """The coefficient of a signature."""
        return self.contrast({at: 1.0}, level)

    def cosine(self, at: int, level: float) -> Interval:
        """The cosine with a signature."""
        return self.contrast({self.k + at: 1.0}, level)

    def own(self, level: float) -> Interval:
        """The share of the squared length that no signature explains."""
        return self.contrast({2 * self.k: 1.0}, level)

    def nearest(self, among: Sequence[int], level: float) -> list[int] | None:
        """Those of some signatures that alone explain more than half: the nearest first, then those not told from it.

        Empty if each explains less than half, a claim of all of them at once, so that each has a one-sided test at
        1 - level without correction (intersection-union); None if the runs do not tell.
        """
        cosines = {at: self.cosine(at, level) for at in among}
        if all(self.cosine(at, 2 * level - 1).high < NEAR for at in among):
            return []
        order = sorted(among, key=lambda at: -cosines[at].value)
        if not cosines[order[0]].low > NEAR:
            return None
        gaps = {at: self.contrast({self.k + order[0]: 1.0, self.k + at: -1.0}, level) for at in order[1:]}
        return [order[0], *(at for at, gap in gaps.items() if not gap.low > CLOSE)]


def regression(effects: Whitened) -> Regression | None:
    """Regress the first effect on the others; None if one is all noise, or there are fewer features than others."""
    x, m = effects.effects, effects.df
    p, k = x.shape[0], x.shape[1] - 1
    products, squares, shrink = effects.products, x.T @ x, (m - p - 1) / m
    values = _values(products[None])[0]
    if p < k or m - p - 3 < 1 or not np.isfinite(values).all():
        return None
    slopes = _slopes(products)
    spread = m * (m - 1) / ((m - p) * (m - p - 3))
    of_noise = 4 * spread * shrink**2 * np.einsum("aij,jk,bkl,li->ab", slopes, squares, slopes, effects.noise)
    of_metric = 2 / (m - p - 3) * np.einsum("aij,jk,bkl,li->ab", slopes, products, slopes, products)
    return Regression(values, of_noise + of_metric, np.sqrt(np.diag(products)), m, _own_p(effects))


def _slopes(products: Values) -> Values:
    """The derivatives [values, k + 1, k + 1] of the values by the inner products, symmetric."""
    size = len(products)
    places = [(i, j) for i in range(size) for j in range(i, size)]
    shifts = np.zeros((len(places), size, size))
    for at, (i, j) in enumerate(places):
        shifts[at, i, j] = shifts[at, j, i] = STEP * np.sqrt(products[i, i] * products[j, j])
    moved = (_values(products + shifts) - _values(products - shifts)) / 2
    slopes = np.zeros((moved.shape[1], size, size))
    for (i, j), shift, change in zip(places, shifts, moved, strict=True):
        slopes[:, i, j] = slopes[:, j, i] = change / shift[i, j] / (1 if i == j else 2)
    return slopes


def _values(products: Values) -> Values:
    """The values of `Regression` [draws, 2 k + 1] from inner products without noise; NaN where one is all noise."""
    squares = np.einsum("dii->di", products)
    lengths = np.sqrt(np.where(squares > 0, squares, np.nan))
    unit = products / (lengths[:, :, None] * lengths[:, None, :])
    good: NDArray[np.bool_] = np.asarray(np.isfinite(unit).all(axis=(1, 2)))
    among = np.where(good[:, None, None], unit[:, 1:, 1:], np.eye(unit.shape[1] - 1))
    along = np.where(good[:, None], unit[:, 1:, 0], 0.0)
    sound = positive(among) + RIDGE * np.eye(among.shape[1])
    coefficients = np.linalg.solve(sound, along[..., None])[..., 0]
    explained = 2 * (coefficients * along).sum(axis=1) - np.einsum("di,dij,dj->d", coefficients, among, coefficients)
    found = np.concatenate([coefficients, along, 1 - explained[:, None]], axis=1)
    return np.where(good[:, None], found, np.nan)


def positive(symmetric: Values) -> Values:
    """Symmetric matrices [draws, k, k] with their negative eigenvalues, which are noise, at zero."""
    sizes, axes = np.linalg.eigh(symmetric)
    return np.einsum("dij,dj,dkj->dik", axes, np.maximum(sizes, 0.0), axes)


def _own_p(effects: Whitened) -> float:
    """p of diversity having no part of its own; NaN without a feature to spare."""
    p, k = effects.effects.shape[0], effects.effects.shape[1] - 1
    free, m = p - k, effects.df
    if free < 1:
        return NAN
    smallest = float(eigh(effects.effects.T @ effects.effects, effects.noise, eigvals_only=True)[0])
    return float(fdtrc(free, m - free + 1, smallest * (m - free + 1) / (m * free)))
