"""How alike the effects of two families are over the hidden layers.

A profile is a family's effect in every layer, each layer in units of its standard deviation between runs (pooled
within conditions): a contrast x = sum_c a_c mean_c of conditions. Products of profiles hold the noise of the conditions
that both are made of, the square of one that of all its conditions, and all families share their reference; the noise
is taken out, to the mean over disjoint groups of runs: <x, y> - sum_c a_c b_c tr S_c / n_c. Intervals: delete-one
jackknife within conditions, a shared one once, t with Satterthwaite's degrees of freedom; matching is repeated at each
deletion, so that its error is carried.

Whether a profile differs from zero: F of its square over the noise in it (Dempster 1958), on h and h m degrees of
freedom, with h = tr(R) / lambda_max(R) for the layers' covariance R between runs. Of all squares with that trace and
largest eigenvalue, h equal ones have the heaviest upper tail (Szekely & Bakirov 2003): the test is conservative;
matching the second moment instead, h = tr(R)^2 / tr(R^2), rejected 7.5 % of 400 true nulls.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from weightscape.metrics.analysis.contrasts import Values, moderated, satterthwaite, variances, within
from weightscape.metrics.analysis.design import Condition, Design, Weights
from weightscape.metrics.analysis.dose_curves import Curve, coefficients, common_level
from weightscape.metrics.effects import varies


class Mean(NamedTuple):
    """A condition, its mean profile [layers], the noise in its square, and its mean level."""

    condition: Condition
    profile: Values
    noise: float
    level: float


class Profile(NamedTuple):
    """A contrast's profile [layers], and the weight and the noise of each condition in it."""

    values: Values
    parts: Mapping[Condition, tuple[float, float]]

    @property
    def square(self) -> float:
        """The squared norm without noise; may be negative."""
        return product(self, self)


def product(x: Profile, y: Profile) -> float:
    """The inner product of two profiles without the noise of the conditions that both are made of."""
    both = [x.parts[c][0] * y.parts[c][0] * x.parts[c][1] for c in x.parts if c in y.parts]
    return float(x.values @ y.values) - sum(both)


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


def mean_of(condition: Condition, profiles: Values, levels: Values) -> Mean:
    """Mean profile and level of a condition's runs; the noise is NaN for one run."""
    n = len(profiles)
    mean = profiles.mean(axis=0)
    noise = float(((profiles - mean) ** 2).sum() / (n - 1) / n) if n > 1 else float("nan")
    return Mean(condition, mean, noise, float(levels.mean()))


def combined(means: Sequence[Mean], weights: Values) -> Profile:
    """The contrast of conditions with these weights."""
    used = [(float(w), mean) for w, mean in zip(weights, means, strict=True) if w]
    values = np.sum([w * mean.profile for w, mean in used], axis=0)
    return Profile(values, {mean.condition: (w, mean.noise) for w, mean in used})


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
    """Cosine of two profiles with the noise taken out; NaN where a norm is not positive."""
    squares = x.square * y.square
    return product(x, y) / np.sqrt(squares) if min(x.square, y.square) > 0 else float("nan")


def nearness(x: Profile, y: Profile) -> float:
    """|x|^2 - |x - y|^2 without noise: positive where x lies nearer to y than to zero."""
    return 2 * product(x, y) - y.square


def comparison(profiles: list[Profile]) -> Values:
    """Of one family x with two others y and z: cos(x,y) - cos(x,z), both cosines, nearness of x to y and to z."""
    x, y, z = profiles
    left, right = cosine(x, y), cosine(x, z)
    return np.array([left - right, left, right, nearness(x, y), nearness(x, z)])


def layer_difference(profiles: list[Profile]) -> Values:
    """Of two families: mean difference over layers, and mean squared difference without noise."""
    x, y = profiles
    gap = x.values - y.values
    square = x.square + y.square - 2 * product(x, y)
    return np.array([gap.mean(), square / len(gap)])


def means_of(curves: Sequence[Curve]) -> Means:
    """The means of all conditions of some families."""
    return [[mean_of(*each) for each in zip(c.conditions, c.profiles, c.levels, strict=True)] for c in curves]


def jackknife(curves: Sequence[Curve], placing: Placing, statistic: Statistic) -> Jackknifed | None:
    """A statistic of the families' profiles with its delete-one jackknife; None where they have no common level.

    Needs two runs in every condition for the value, three for its error (which is NaN otherwise).
    """
    means = means_of(curves)
    placed = placing(means)
    if placed is None:
        return None
    values = statistic(placed)
    runs = {each[0]: each for c in curves for each in zip(c.conditions, c.profiles, c.levels, strict=True)}
    variances, dfs = [], []
    for condition, profiles, levels in runs.values():
        n = len(levels)
        found = []
        for r in range(n if n > 1 else 0):
            keep = np.arange(n) != r
            less = mean_of(condition, profiles[keep], levels[keep])
            again = placing([[less if mean.condition == condition else mean for mean in family] for family in means])
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
    rows = design.rows.values()
    rest = np.concatenate([profiles[at] - profiles[at].mean(axis=0) for at in rows])
    if sum(len(at) - 1 for at in rows) < 2 or not profiles.shape[1]:
        return float("nan")
    gram = rest @ rest.T if len(rest) < rest.shape[1] else rest.T @ rest
    largest = float(np.linalg.eigvalsh(gram)[-1])
    return float(np.clip(np.trace(gram) / largest, 1, profiles.shape[1])) if largest > 0 else float(profiles.shape[1])


def differs(design: Design, profiles: Values, weights: Weights) -> tuple[float, float, float]:
    """F, its first degrees of freedom and p of a contrast's scaled profile being zero.

    The noise of each condition is moderated as in `contrasts`, for the sum over layers.
    """
    h = dimensions(design, profiles)
    used = {c: w for c, w in weights.items() if w}
    mean = np.sum([w * profiles[design.rows[c]].mean(axis=0) for c, w in used.items()], axis=0)
    conditions, own, df = variances(design, profiles)
    drawn = moderated(own.sum(axis=1, keepdims=True), df[:, :1])
    at = [conditions.index(c) for c in used]
    share = np.array([[w**2 / len(design.rows[c])] for c, w in used.items()])
    error, freedom = satterthwaite(share * drawn.variance[at], drawn.df[at])
    df_of_noise = float(min(freedom[0], drawn.pooled_df[0]))
    ratio = float(mean @ mean) / float(error[0]) ** 2 if error[0] > 0 else float("nan")
    return ratio, h, float(fdtrc(h, h * df_of_noise, ratio))


def cosines(x: Values, y: Values) -> Values:
    """Cosines of the rows of two arrays [n, layers], noise and all; NaN where one is zero."""
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.einsum("ij,ij->i", x, y) / np.where(lengths > 0, lengths, np.nan)
