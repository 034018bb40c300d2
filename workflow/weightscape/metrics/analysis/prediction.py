"""Predicts an outcome (OOD accuracy, calibration error, generalisation gap) over the conditions of a study.

Families are the samples: runs of a condition share its data, and conditions of a family share much of what acts, so
that a measure of diversity may be all but constant within them. Every quantity is a condition's mean minus that of its
reference. Leave-one-family-out: a line through the other families' conditions predicts those of the family left out;
the error is the mean square over all conditions, its interval a percentile bootstrap that draws whole families. Below 6
families and 10 conditions there is no verdict: if conditions were drawn, two useless measures would differ in 4 to 18 %
of studies; here in at most 1 %.

A correlation has Fisher's interval (atanh r with variance 1 / (m - 3), one less for the partial one) at the number m
of families, not of conditions: m = n^2 / sum n_f^2 for families of n_f of n conditions (Kish 1965), which is what is
left of n where families are all that differs. Partial correlation: of the residuals on in-distribution accuracy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from weightscape.families import BASELINE, DIVERSITY_FAMILIES
from weightscape.metrics.analysis.contrasts import NAN, Values
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.effects import varies

LEAST = 5  # conditions; fewer have no correlation worth reading
LEAST_FAMILIES, LEAST_CONDITIONS = 6, 10
"""Fewer have no test of prediction."""
DRAWN = 3  # different families in a draw, at least, to have a line of two for the third


def measured_conditions(
    setup: Setup, measures: Sequence[Values], families: Sequence[str] = DIVERSITY_FAMILIES
) -> list[Condition]:
    """The conditions of some families of which all measures [runs] are there, and those of their reference."""
    whole = np.all([np.isfinite(values) for values in measures], axis=0)
    rows = setup.design.rows
    references = {family: setup.design.reference(family) for family in setup.design.families}
    based = {family for family, c in references.items() if c is not None and whole[rows[c]].all()}
    return [
        (family, dose)
        for (family, dose), at in rows.items()
        if family in families and family in based and dose != BASELINE and whole[at].all()
    ]


def relative(setup: Setup, values: Values, conditions: Sequence[Condition]) -> Values:
    """Each condition's mean less that of its family's reference."""
    rows, effect = setup.design.rows, setup.design.effect
    return np.array([sum(w * values[rows[each]].mean() for each, w in effect(*c).items()) for c in conditions])


class Link(NamedTuple):
    """Correlation with its interval, partial correlation with its interval, and errors of prediction."""

    r: float
    low: float
    high: float
    partial: float
    partial_low: float
    partial_high: float
    error: float
    error_of_mean: float
    n: int


def correlation(x: Values, y: Values) -> Values:
    """Pearson's r over the last axis; NaN where one does not vary."""
    vary = _varies(x) & _varies(y)
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    length = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(vary & (length > 1e-300), (x * y).sum(axis=-1) / length, np.nan)


def _varies(values: Values) -> NDArray[np.bool_]:
    """Whether values differ over the last axis by more than the rounding of their mean."""
    return varies(values.std(axis=-1), np.abs(values).max(axis=-1, initial=0.0))


def residual(y: Values, z: Values) -> Values:
    """y without its regression on z, over the last axis; zero where rounding alone is left."""
    largest = np.abs(y).max(axis=-1, initial=0.0)
    y, z = y - y.mean(axis=-1, keepdims=True), z - z.mean(axis=-1, keepdims=True)
    size = (z**2).sum(axis=-1, keepdims=True)
    rest = y - z * (z * y).sum(axis=-1, keepdims=True) / np.where(size > 0, size, 1.0)
    return np.where(varies(rest.std(axis=-1), largest)[..., None], rest, 0.0)


def resampled(families: np.ndarray, rng: np.random.Generator, draws: int) -> Values:
    """How often each condition is drawn [draws, conditions] if whole families are drawn with replacement.

    Draws of fewer than three different families have no line to predict by, and are left out.
    """
    names, of = np.unique(families, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[(counts > 0).sum(axis=1) >= DRAWN][:, of].astype(float)


def left_out(x: Values, y: Values, families: np.ndarray, weights: Values | None = None) -> Values:
    """Squared errors [..., conditions] of predicting each condition from the other families' line.

    `weights` [..., conditions] tells how often each condition counts. Where the others' x does not vary, their mean
    predicts.
    """
    w = np.ones(len(x)) if weights is None else weights
    errors = np.empty(w.shape)
    for family in np.unique(families):
        out = families == family
        rest, xs, ys = w[..., ~out], x[~out], y[~out]
        total = np.where(rest.sum(axis=-1, keepdims=True) > 0, rest.sum(axis=-1, keepdims=True), np.nan)
        centre, mean = ((rest * part).sum(axis=-1, keepdims=True) / total for part in (xs, ys))
        size = (rest * (xs - centre) ** 2).sum(axis=-1, keepdims=True)
        vary = varies(np.sqrt(size / total), np.abs(xs).max(initial=0.0)) & (size > 1e-300)
        together = (rest * (xs - centre) * (ys - mean)).sum(axis=-1, keepdims=True)
        slope = np.where(vary, together / np.where(vary, size, 1.0), 0.0)
        errors[..., out] = (mean + slope * (x[out] - centre) - y[out]) ** 2
    return errors


def link(x: Values, y: Values, z: Values, families: np.ndarray, level: float) -> Link:
    """How x goes with y over conditions, with z (in-distribution accuracy) held fixed too; arrays [conditions]."""
    n = len(x)
    if n < LEAST or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return Link(*[NAN] * 8, n=n)
    r = float(correlation(x, y))
    partial = float(correlation(residual(x, z), residual(y, z)))
    m = effective(families)
    (low, high), (partial_low, partial_high) = _fisher(r, m - 3, level), _fisher(partial, m - 4, level)
    several = len(np.unique(families)) > 2
    error = float(np.sqrt(left_out(x, y, families).mean())) if several else NAN
    plain = float(np.sqrt(left_out(np.zeros(n), y, families).mean())) if several else NAN
    return Link(r, low, high, partial, partial_low, partial_high, error, plain, n)


def effective(families: np.ndarray) -> float:
    """The number of samples that conditions are worth if only their families differ (Kish 1965, design effect)."""
    counts = np.unique(families, return_counts=True)[1]
    return float(counts.sum() ** 2 / (counts**2).sum())


def _fisher(r: float, df: float, level: float) -> tuple[float, float]:
    """Fisher's (1921) interval of a correlation; NaN where r is, or where there are too few families."""
    if not np.isfinite(r) or df < 1:
        return NAN, NAN
    half = ndtri(0.5 + level / 2) / np.sqrt(df)
    centre = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


class Contest(NamedTuple):
    """Mean squared error of a measure minus that of a rival, its interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float


def contest(x: Values, rival: Values, y: Values, families: np.ndarray, draws: Values, level: float) -> Contest:
    """Does x predict held-out families better than a rival (negative) or worse (positive)? `draws` as `resampled`."""
    value = float((left_out(x, y, families) - left_out(rival, y, families)).mean())
    gaps = left_out(x, y, families, draws) - left_out(rival, y, families, draws)
    drawn = (draws * gaps).sum(axis=-1) / draws.sum(axis=-1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    below = (1 + (drawn <= 0).sum()) / (len(drawn) + 1)
    above = (1 + (drawn >= 0).sum()) / (len(drawn) + 1)
    return Contest(value, float(low), float(high), float(min(1.0, 2 * min(below, above))))
