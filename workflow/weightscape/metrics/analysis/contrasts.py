"""Contrasts of condition means with t intervals; runs are the replicates.

A contrast is sum_c w_c mean_c. Its variance is estimated twice: pooled within the conditions of each family
(Satterthwaite's degrees of freedom if several families enter), and from the contrast's own conditions alone
(Welch 1947). The interval is the wider of the two and p the larger: with 3 runs no check of homogeneity finds a
standard deviation that is twice the others', while the pooled test then rejects 10 % of true nulls and a pre-test
changes little; the wider of both stays at or below 5 % (results/bench/analysis.md). It is conservative if
variances are equal.

A difference is equivalent to zero at alpha if its interval at level 1 - 2 alpha lies within a margin fixed beforehand
(two one-sided tests, Schuirmann 1987); the smallest margin that passes is the end that is farther from zero.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from weightscape.metrics.analysis.design import Design, Weights
from weightscape.metrics.effects import hedges

Values = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A contrast: its value, interval, standard error, degrees of freedom, t and two-sided p; arrays over columns.

    All but `value` are NaN if there are no replicates. `pooled` is the standard deviation pooled within the
    conditions of the families involved, with `pooled_df` degrees of freedom.
    """

    value: Values
    low: Values
    high: Values
    error: Values
    df: Values
    statistic: Values
    p: Values
    pooled: Values
    pooled_df: float
    runs: int

    def column(self, at: int) -> "Estimate":
        """The contrast of one column."""
        names = ("value", "low", "high", "error", "df", "statistic", "p", "pooled")
        return replace(self, **{name: getattr(self, name)[at] for name in names})


def contrast(design: Design, values: Values, weights: Weights, level: float = 0.95) -> Estimate:
    """The contrast of values [runs] or [runs, columns] with its interval at `level`."""
    used = design.merged(weights)
    value = np.sum([weight * values[design.rows[c]].mean(axis=0) for c, weight in used.items()], axis=0)
    own = _own(design, values, used)
    pooled, spread, spread_df = _pooled(design, values, used)
    half, error, df, statistic, p = wider(value, [own, pooled], level)
    return Estimate(value, value - half, value + half, error, df, statistic, p, spread, spread_df, design.runs_of(used))


def _own(design: Design, values: Values, weights: Weights) -> tuple[Values, Values]:
    """Variance of the contrast and degrees of freedom from its own conditions (Welch), those that are fixed apart."""
    drawn = {c: w for c, w in weights.items() if c not in design.fixed} or weights
    parts = [(w**2 / len(design.rows[c]), *variance(values[design.rows[c]])) for c, w in drawn.items()]
    return _satterthwaite([factor * spread for factor, spread, _ in parts], [df for *_, df in parts])


def _pooled(design: Design, values: Values, weights: Weights) -> tuple[tuple[Values, Values], Values, float]:
    """The same with the variance pooled within all conditions of each family; and the pooled deviation and df."""
    parts, squares, dfs = [], [], []
    for family in dict.fromkeys(family for family, _ in weights):
        spread, df = within(design, values, family)
        drawn = {c: w for c, w in weights.items() if c[0] == family and c not in design.fixed}
        factor = sum(w**2 / len(design.rows[c]) for c, w in drawn.items())
        parts.append(factor * spread)
        squares.append(np.where(df > 0, spread * df, 0.0))
        dfs.append(df)
    total = float(sum(dfs))
    pooled = np.sqrt(np.sum(squares, axis=0) / total) if total else np.full(np.shape(parts[0]), np.nan)
    return _satterthwaite(parts, dfs), pooled, total


def within(design: Design, values: Values, family: str | None = None) -> tuple[Values, int]:
    """Variance pooled within the conditions of a family (or of all), and its degrees of freedom."""
    chosen = design.distinct if family is None else design.rows
    rows = [at for (name, _), at in chosen.items() if family in (None, name)]
    df = sum(len(at) - 1 for at in rows)
    squares = np.sum([((values[at] - values[at].mean(axis=0)) ** 2).sum(axis=0) for at in rows], axis=0)
    return (squares / df if df else np.full(np.shape(squares), np.nan)), df


def variance(values: Values) -> tuple[Values, int]:
    """Variance over the first axis and its degrees of freedom; NaN for one run."""
    df = len(values) - 1
    squares = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    return (squares / df if df else np.full(np.shape(squares), np.nan)), df


def _satterthwaite(variances: list[Values], dfs: list[int]) -> tuple[Values, Values]:
    """Sum of independent variances and its approximate degrees of freedom (Satterthwaite 1946)."""
    total = np.sum(variances, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        fourth = np.sum([v**2 / df if df else np.nan * v for v, df in zip(variances, dfs, strict=True)], axis=0)
        df = np.where(total > 0, total**2 / fourth, np.where(total == 0, min(dfs), np.nan))
    return total, df


def wider(value: Values, estimates: list[tuple[Values, Values]], level: float) -> tuple[Values, ...]:
    """Half width, standard error, df, t and p of the wider of several intervals."""
    errors = np.stack([np.sqrt(total) for total, _ in estimates])
    dfs = np.stack([df for _, df in estimates])
    halves = stdtrit(dfs, 0.5 + level / 2) * errors
    known = np.isfinite(halves).all(axis=0)
    pick = np.where(known, np.argmax(np.where(np.isfinite(halves), halves, -1.0), axis=0), 0)
    half, error, df = (np.take_along_axis(each, pick[None], axis=0)[0] for each in (halves, errors, dfs))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where((errors == 0) & (value == 0), 0.0, value / errors)
    p = np.max(2 * stdtr(dfs, -np.abs(ratios)), axis=0)
    statistic = np.take_along_axis(ratios, pick[None], axis=0)[0]
    return tuple(np.where(known, each, np.nan) for each in (half, error, df, statistic, p))


def standardised(estimate: Estimate) -> Values:
    """The contrast in units of the pooled standard deviation of runs, with Hedges' correction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return hedges(estimate.pooled_df) * estimate.value / estimate.pooled


class Equivalence(NamedTuple):
    """p of the test, the interval at level 1 - 2 alpha, and the smallest margin that passes."""

    p: float
    low: float
    high: float
    smallest: float


def two_one_sided(value: float, error: float, df: float, margin: float, alpha: float) -> Equivalence:
    """The test of |value| < margin from an estimate, its standard error and degrees of freedom."""
    half = stdtrit(df, 1 - alpha) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = max(float(stdtr(df, (value - margin) / error)), float(stdtr(df, -(value + margin) / error)))
    return Equivalence(p, value - half, value + half, max(abs(value - half), abs(value + half)))


def upper_bound(
    square: float, error: float, df: float, margin: float, alpha: float, mean_error: float = 0.0
) -> Equivalence:
    """The same for a root mean square from its noise-corrected square: is it below the margin?

    A root mean square has no lower side, so that one one-sided test does; `low` is 0. The error of a square grows with
    the square, so that a low estimate comes with a low error; the test takes the error that the square would have at
    the margin: error^2 + 4 (margin^2 - square) mean_error^2, with `mean_error` that of the mean difference.
    """
    t = stdtrit(df, 1 - alpha)
    at_margin = np.sqrt(error**2 + 4 * max(margin**2 - square, 0.0) * mean_error**2)
    slack = 2 * (t * mean_error) ** 2
    smallest = float(np.sqrt(max(square + slack + np.sqrt(slack**2 + (t * error) ** 2), 0.0)))
    return Equivalence(float(stdtr(df, (square - margin**2) / at_margin)), 0.0, smallest, smallest)


def holm(p: list[float]) -> list[float]:
    """Holm's (1979) adjusted p-values; NaN (a test that could not be made) stays NaN and is not counted.

    statsmodels' `multipletests`, the reference in the tests, collects the process's garbage at each call: 0.35 s.
    """
    values = np.asarray(p, float)
    order = np.argsort(values)  # NaN last
    known = int(np.isfinite(values).sum())
    result = np.full(len(values), np.nan)
    steps = values[order[:known]] * np.arange(known, 0, -1)
    result[order[:known]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result.tolist()


def homogeneity(design: Design, values: Values, family: str) -> float:
    """p of Bartlett's test that a family's conditions have one variance; NaN if it cannot be computed.

    It is reported, not acted upon: at 3 runs it misses what matters.
    """
    from scipy.stats import bartlett

    samples = [values[at] for (name, _), at in design.rows.items() if name == family and len(at) > 1]
    if len(samples) < 2 or any(np.ptp(sample) == 0 for sample in samples):
        return NAN
    return float(bartlett(*samples).pvalue)
