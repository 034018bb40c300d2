"""Contrasts of condition means with t intervals; runs are the replicates.

A contrast is sum_c w_c mean_c, with variance sum_c w_c^2 v_c / n_c. The variance v_c of a condition is moderated: its
own s_c^2, on d_c = n_c - 1 degrees of freedom, is drawn towards s^2, pooled within all conditions of the data set and
backbone, (d_0 s^2 + d_c s_c^2) / (d_0 + d_c), on d_0 + d_c degrees of freedom. d_0 tells how alike the conditions'
variances are (Smyth 2004, section 6.2, from the spread of their logarithms), and is 4 at most, or a sixth of the number
of conditions; no condition gets less than its own s_c^2. These rules are on the side of caution, as it is the strongest
doses that are tested and that vary most: where these have twice the baseline's standard deviation, tests at 5 % reject
4.9 % of true nulls at 3 and 4.5 % at 5 runs against a pool of 12 and 15 in ten families, 6.1 % and 5.3 % in three
(Welch's test: 7 % and 6 %). Where one condition alone has it, 9 % and 7 %. Degrees of freedom of a sum are
Satterthwaite's (1946), at most those of s^2. Welch's (1947) p stands beside it, and Bartlett's p of equal variances.

A difference is equivalent to zero at alpha if its interval at level 1 - 2 alpha lies within a margin fixed beforehand
(two one-sided tests, Schuirmann 1987); the smallest margin that passes is the end that is farther from zero.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma, stdtr, stdtrit

from weightscape.metrics.analysis.design import Condition, Design, Weights
from weightscape.metrics.effects import hedges

Values = NDArray[np.float64]
NAN = float("nan")
MOST_BORROWED = 4.0
"""Degrees of freedom that a condition's variance may gain from the others."""
LENDERS = 6
"""Conditions for each of them, since few conditions do not tell how alike variances are."""


@dataclass(frozen=True)
class Estimate:
    """A contrast: its value, interval, standard error, degrees of freedom, t and two-sided p; arrays over columns.

    All but `value` are NaN if a condition has one run. `welch_p` takes each condition's own variance; `pooled` is the
    standard deviation pooled within all conditions, with `pooled_df` degrees of freedom.
    """

    value: Values
    low: Values
    high: Values
    error: Values
    df: Values
    statistic: Values
    p: Values
    welch_p: Values
    pooled: Values
    pooled_df: Values
    runs: int

    def column(self, at: int) -> "Estimate":
        """The contrast of one column."""
        names = [name for name in vars(self) if name != "runs"]
        return replace(self, **{name: getattr(self, name)[at] for name in names})


class Interval(NamedTuple):
    """A value, its interval, and two-sided p of zero."""

    value: float
    low: float
    high: float
    p: float


def t_interval(value: float, error: float, df: float, level: float) -> Interval:
    """Student's t interval of a value with this standard error; no p without an error."""
    half = float(stdtrit(df, 0.5 + level / 2)) * error
    p = float(2 * stdtr(df, -abs(value) / error)) if error > 0 else NAN
    return Interval(value, value - half, value + half, p)


class Moderated(NamedTuple):
    """Variances [conditions, columns] drawn together, their degrees of freedom, and the pooled variance and its own."""

    variance: Values
    df: Values
    pooled: Values
    pooled_df: Values


def moderated(variance: Values, df: Values) -> Moderated:
    """Draw variances [conditions, columns] on df [conditions, columns] together; NaN takes no part, and stays NaN."""
    known = np.isfinite(variance) & (df > 0)
    weight, own = np.where(known, df, 0.0), np.where(known, variance, 0.0)
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = np.where(total > 0, (weight * own).sum(axis=0) / np.where(total > 0, total, 1.0), np.nan)
        most = np.minimum(MOST_BORROWED, known.sum(axis=0) / LENDERS)
        prior = np.minimum(_prior_df(own, weight, pooled, known), most)
        drawn = np.maximum((prior * pooled + weight * own) / (prior + weight), own)
    moderated_df = np.where(known, np.minimum(prior + weight, total), np.nan)
    return Moderated(np.where(known, drawn, np.nan), moderated_df, pooled, total)


def _prior_df(own: Values, df: Values, pooled: Values, known: NDArray[np.bool_]) -> Values:
    """d_0 [columns] by the moments of ln s_c^2; 0 for fewer than two conditions."""
    count, half = known.sum(axis=0), np.where(known, df, 1.0) / 2
    logs = np.log(np.maximum(own, np.where(pooled > 0, 1e-5 * pooled, 1.0)))  # a variance of 0 counts as small
    centred = np.where(known, logs - digamma(half) + np.log(half), 0.0)
    centre = centred.sum(axis=0) / np.maximum(count, 1)
    squares = np.where(known, (centred - centre) ** 2, 0.0).sum(axis=0) / np.maximum(count - 1, 1)
    chance = np.where(known, polygamma(1, half), 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 1, 2 * _trigamma_inverse(squares - chance), 0.0)


def _trigamma_inverse(value: Values) -> Values:
    """y with trigamma(y) = value, by Newton's method on its inverse (Smyth 2004); infinite where value <= 0."""
    positive = np.maximum(value, 1e-8)
    y = 0.5 + 1 / positive
    for _ in range(8):
        trigamma = polygamma(1, y)
        y = y + trigamma * (1 - trigamma / positive) / polygamma(2, y)
    return np.where(value > 0, y, np.inf)


def contrast(design: Design, values: Values, weights: Weights, level: float = 0.95) -> Estimate:
    """The contrast of values [runs] or [runs, columns] with its interval at `level`."""
    used = {c: w for c, w in weights.items() if w}
    columns = values.reshape(len(values), -1)
    value = np.sum([w * columns[design.rows[c]].mean(axis=0) for c, w in used.items()], axis=0)
    conditions, own, df = variances(design, columns)
    drawn = moderated(own, df)
    at = [conditions.index(c) for c in used if c not in design.fixed] or [conditions.index(c) for c in used]
    share = np.array([used[conditions[k]] ** 2 / len(design.rows[conditions[k]]) for k in at])[:, None]
    error, freedom = satterthwaite(share * drawn.variance[at], drawn.df[at])
    freedom = np.minimum(freedom, drawn.pooled_df)
    statistic, p = _t(value, error, freedom)
    _, welch = _t(value, *satterthwaite(share * own[at], df[at]))
    half = stdtrit(freedom, 0.5 + level / 2) * error
    arrays = (value, value - half, value + half, error, freedom, statistic, p, welch)
    arrays = (*arrays, np.sqrt(drawn.pooled), drawn.pooled_df)
    shaped = (np.asarray(each, float).reshape(values.shape[1:]) for each in arrays)
    return Estimate(*shaped, runs=design.runs_of(used))


def variances(design: Design, columns: Values) -> tuple[list[Condition], Values, Values]:
    """The conditions, their variances [conditions, columns] over runs, NaN for one run, and degrees of freedom."""
    conditions = list(design.rows)
    order = np.concatenate([design.rows[c] for c in conditions])
    n = np.array([len(design.rows[c]) for c in conditions])
    starts, block = np.concatenate([[0], np.cumsum(n)[:-1]]), columns[order]
    means = np.add.reduceat(block, starts, axis=0) / n[:, None]
    squares = np.add.reduceat((block - np.repeat(means, n, axis=0)) ** 2, starts, axis=0)
    df = np.broadcast_to((n - 1.0)[:, None], squares.shape)
    return conditions, np.where(df > 0, squares / np.maximum(df, 1), np.nan), df


def satterthwaite(parts: Values, df: Values) -> tuple[Values, Values]:
    """Standard error of a sum of independent terms with variances [terms, columns], and its degrees of freedom."""
    total = parts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(total == 0, df.min(axis=0), total**2 / (parts**2 / df).sum(axis=0))
    return np.sqrt(total), freedom


def _t(value: Values, error: Values, df: Values) -> tuple[Values, Values]:
    """t and its two-sided p; an effect of zero without any spread is no effect."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((error == 0) & (value == 0), 0.0, value / error)
    return t, 2 * stdtr(df, -np.abs(t))


def within(design: Design, values: Values) -> tuple[Values, float]:
    """Variance pooled within all conditions that were measured [columns], and its degrees of freedom."""
    _, own, df = variances(design, values.reshape(len(values), -1))
    known = (df > 0).all(axis=1) & np.isfinite(own).all(axis=1)
    total = float(df[known, 0].sum()) if df.size else 0.0
    pooled = (df[known] * own[known]).sum(axis=0) / total if total else np.full(own.shape[1:], np.nan)
    return pooled.reshape(values.shape[1:]), total


def standardised(estimate: Estimate) -> Values:
    """The contrast in units of the pooled standard deviation of runs, with Hedges' correction."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return hedges(estimate.pooled_df) * estimate.value / estimate.pooled


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


def homogeneity(design: Design, values: Values) -> float:
    """p of Bartlett's test that all conditions have one variance; NaN if it cannot be computed.

    It is reported, not acted upon: at 3 runs it misses what matters.
    """
    from scipy.stats import bartlett

    samples = [values[at] for at in design.rows.values() if len(at) > 1 and np.isfinite(values[at]).all()]
    if len(samples) < 2 or any(np.ptp(sample) == 0 for sample in samples):
        return NAN
    return float(bartlett(*samples).pvalue)
