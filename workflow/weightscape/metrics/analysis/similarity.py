"""How alike the effects of two families are over the hidden layers.

A profile is a family's effect in every layer, each layer in units of its standard deviation between runs (pooled
within conditions). Runs of different families are independent, so that products of profiles are unbiased; the square
of one profile is not, and is corrected to its mean over disjoint groups of runs:
|x|^2 - sum_c a_c^2 tr S_c / n_c for the contrast x = sum_c a_c mean_c. Intervals: delete-one jackknife within
conditions, t with Satterthwaite's degrees of freedom; matching is repeated at each deletion, so that its error is
carried.

Whether a profile differs from zero: F of its square over the noise in it (Dempster 1958), on h and h m degrees of
freedom, with h = tr(R) / lambda_max(R) for the layers' covariance R between runs. Of all squares with that trace and
largest eigenvalue, h equal ones have the heaviest upper tail (Szekely & Bakirov 2003): the test is conservative;
matching the second moment instead, h = tr(R)^2 / tr(R^2), rejected 7.5 % of 400 true nulls.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from weightscape.families import BASELINE
from weightscape.metrics.analysis.contrasts import Values, within
from weightscape.metrics.analysis.design import Design, Weights
from weightscape.metrics.analysis.dose_curves import Curve, coefficients, common_level
from weightscape.metrics.effects import varies

SHARED = "families share their baseline runs, whose chance makes their effects alike"
"""Why profiles of families are not compared: products of profiles take their noise as independent."""


class Mean(NamedTuple):
    """A condition's mean profile [layers], the noise in its square, and its mean level."""

    profile: Values
    noise: float
    level: float


class Profile(NamedTuple):
    """A contrast's profile [layers], and the noise in its square."""

    values: Values
    noise: float

    @property
    def square(self) -> float:
        """The squared norm without noise; may be negative."""
        return float(self.values @ self.values) - self.noise


Means = list[list[Mean]]  # families x conditions
Placing = Callable[[Means], list[Profile] | None]
Statistic = Callable[[list[Profile]], Values]


class Jackknifed(NamedTuple):
    """A statistic vector, its standard errors, degrees of freedom, and two-sided p of being zero."""

    values: Values
    errors: Values
    df: Values

    @property
    def p(self) -> Values:
        """Two-sided p-values of zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * stdtr(self.df, -np.abs(self.values / self.errors))

    def interval(self, level: float) -> tuple[Values, Values]:
        """Lower and upper limits."""
        half = stdtrit(self.df, 0.5 + level / 2) * self.errors
        return self.values - half, self.values + half


def scaled(design: Design, profiles: Values) -> Values:
    """Profiles in units of each layer's standard deviation between runs; layers that never vary are left out."""
    spread, _ = within(design, profiles)
    moving = varies(np.sqrt(spread), np.abs(profiles).max(axis=0))
    return profiles[:, moving] / np.sqrt(spread[moving])


def mean_of(profiles: Values, levels: Values) -> Mean:
    """Mean profile and level of a condition's runs; the noise is NaN for one run."""
    n = len(profiles)
    mean = profiles.mean(axis=0)
    noise = float(((profiles - mean) ** 2).sum() / (n - 1) / n) if n > 1 else float("nan")
    return Mean(mean, noise, float(levels.mean()))


def combined(means: Sequence[Mean], weights: Values) -> Profile:
    """The contrast of conditions with these weights."""
    values = np.sum([w * mean.profile for w, mean in zip(weights, means, strict=True) if w], axis=0)
    noise = sum(w**2 * mean.noise for w, mean in zip(weights, means, strict=True) if w)
    return Profile(values, noise)


def matched(means: Means) -> list[Profile] | None:
    """The families' profiles at their common level; None without one."""
    levels = [[mean.level for mean in family] for family in means]
    level = common_level(levels)
    if level is None:
        return None
    weights = [coefficients(each, level) for each in levels]
    if any(each is None for each in weights):
        return None
    return [combined(family, each) for family, each in zip(means, weights, strict=True) if each is not None]


def last(means: Means) -> list[Profile]:
    """The families' profiles at their last dose."""
    return [combined(family, np.array([-1.0, *[0.0] * (len(family) - 2), 1.0])) for family in means]


def cosine(x: Profile, y: Profile) -> float:
    """Cosine of two independent profiles with the noise taken out of their norms; NaN where a norm is not positive."""
    squares = x.square * y.square
    return float(x.values @ y.values) / np.sqrt(squares) if min(x.square, y.square) > 0 else float("nan")


def nearness(x: Profile, y: Profile) -> float:
    """|x|^2 - |x - y|^2 without noise: positive where x lies nearer to y than to zero."""
    return 2 * float(x.values @ y.values) - y.square


def plain_difference(profiles: list[Profile]) -> float:
    """The same difference of cosines with the noise left in the norms, as `baseline_null` has it."""
    x, y, z = (profile.values[None] for profile in profiles)
    return float(cosines(x, y)[0] - cosines(x, z)[0])


def comparison(profiles: list[Profile]) -> Values:
    """Of one family x with two others y and z: cos(x,y) - cos(x,z), both cosines, nearness of x to y and to z."""
    x, y, z = profiles
    left, right = cosine(x, y), cosine(x, z)
    return np.array([left - right, left, right, nearness(x, y), nearness(x, z)])


def layer_difference(profiles: list[Profile]) -> Values:
    """Of two families: mean difference over layers, and mean squared difference without noise."""
    x, y = profiles
    gap = x.values - y.values
    return np.array([gap.mean(), (float(gap @ gap) - x.noise - y.noise) / len(gap)])


def means_of(curves: Sequence[Curve]) -> Means:
    """The means of all conditions of some families."""
    return [[mean_of(*each) for each in zip(c.profiles, c.levels, strict=True)] for c in curves]


def jackknife(curves: Sequence[Curve], placing: Placing, statistic: Statistic) -> Jackknifed | None:
    """A statistic of the families' profiles with its delete-one jackknife; None where they have no common level.

    Needs two runs in every condition for the value, three for its error (which is NaN otherwise).
    """
    means = means_of(curves)
    placed = placing(means)
    if placed is None:
        return None
    values = statistic(placed)
    variances, dfs = [], []
    for f, curve in enumerate(curves):
        for c, (profiles, levels) in enumerate(zip(curve.profiles, curve.levels, strict=True)):
            n = len(levels)
            found = []
            for r in range(n if n > 1 else 0):
                keep = np.arange(n) != r
                less = [list(family) for family in means]
                less[f][c] = mean_of(profiles[keep], levels[keep])
                again = placing(less)
                found.append(statistic(again) if again is not None else np.full_like(values, np.nan))
            found = np.array(found) if found else np.full((1, len(values)), np.nan)
            variances.append((n - 1) / n * ((found - found.mean(axis=0)) ** 2).sum(axis=0))
            dfs.append(max(n - 1, 1))
    total = np.sum(variances, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = total**2 / np.sum([v**2 / m for v, m in zip(variances, dfs, strict=True)], axis=0)
    return Jackknifed(values, np.sqrt(total), df)


def dimensions(design: Design, profiles: Values) -> float:
    """Number of independent dimensions of the noise between runs, tr(R) / lambda_max(R): 1 to the number of layers."""
    rows = design.distinct.values()
    rest = np.concatenate([profiles[at] - profiles[at].mean(axis=0) for at in rows])
    if sum(len(at) - 1 for at in rows) < 2 or not profiles.shape[1]:
        return float("nan")
    gram = rest @ rest.T if len(rest) < rest.shape[1] else rest.T @ rest
    largest = float(np.linalg.eigvalsh(gram)[-1])
    return float(np.clip(np.trace(gram) / largest, 1, profiles.shape[1])) if largest > 0 else float(profiles.shape[1])


def differs(design: Design, profiles: Values, weights: Weights) -> tuple[float, float, float]:
    """F, its first degrees of freedom and p of a contrast's scaled profile being zero (the larger p of two variances).

    The variance is that of the contrast's own conditions, or pooled within their families: see `intervals`.
    """
    h = dimensions(design, profiles)
    used = {c: w for c, w in weights.items() if w}
    mean = np.sum([w * profiles[design.rows[c]].mean(axis=0) for c, w in used.items()], axis=0)
    size = float(mean @ mean)
    own = [
        (w**2 * mean_of(profiles[design.rows[c]], np.zeros(1)).noise, len(design.rows[c]) - 1) for c, w in used.items()
    ]
    pooled = []
    for family in dict.fromkeys(family for family, _ in used):
        spread, df = within(design, profiles, family)
        share = sum(w**2 / len(design.rows[c]) for c, w in used.items() if c[0] == family)
        pooled.append((float(spread.sum()) * share, df))
    found = []
    for parts in (own, pooled):
        total = sum(v for v, _ in parts)
        fourth = sum(v**2 / df for v, df in parts if df > 0)
        df = total**2 / fourth if fourth > 0 else float("nan")
        ratio = size / total if total > 0 else float("nan")
        found.append((ratio, h, float(fdtrc(h, h * df, ratio))))
    return max(found, key=lambda each: each[2] if np.isfinite(each[2]) else np.inf)


def baseline_null(design: Design, profiles: Values, rng: np.random.Generator, draws: int) -> Values | None:
    """Differences of cosines [draws] between disjoint groups of baseline runs, where nothing acts; None if too few.

    Six groups play the conditions and baselines of three families. The cosine of pure noise does not depend on the
    size of its groups. Runs are taken relative to their family's mean, so that no family's own shift enters. A run that
    several families share is taken once.
    """
    groups = [at for (_, dose), at in design.distinct.items() if dose == BASELINE and len(at) > 1]
    runs = [np.sqrt(len(at) / (len(at) - 1)) * (profiles[at] - profiles[at].mean(axis=0)) for at in groups]
    pool = np.concatenate(runs) if runs else np.empty((0, 1))
    size = len(pool) // 6
    if size < 1:
        return None
    orders = np.argsort(rng.random((draws, len(pool))), axis=1)[:, : 6 * size].reshape(draws, 6, size)
    means = pool[orders].mean(axis=2)
    x, y, z = means[:, 0] - means[:, 1], means[:, 2] - means[:, 3], means[:, 4] - means[:, 5]
    return cosines(x, y) - cosines(x, z)


def cosines(x: Values, y: Values) -> Values:
    """Cosines of the rows of two arrays [n, layers], noise and all; NaN where one is zero."""
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.einsum("ij,ij->i", x, y) / np.where(lengths > 0, lengths, np.nan)
