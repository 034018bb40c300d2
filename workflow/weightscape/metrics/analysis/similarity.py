"""How alike the effects of two families are over the hidden layers.

A profile is a family's effect in every layer, each layer in units of its standard deviation between runs (pooled
within conditions): a contrast x = sum_c a_c mean_c of conditions. Products of profiles hold the noise of the conditions
that both are made of, the square of one that of all its conditions, and all families share their reference; the noise
is taken out, to the mean over disjoint groups of runs: <x, y> - sum_c a_c b_c tr S_c / n_c. Intervals: delete-one
jackknife within conditions, a shared one once, t with Satterthwaite's degrees of freedom. A cosine of profiles whose
squares lie within twice their standard errors of zero is none: it may leave [-1, 1] by far.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from weightscape.metrics.analysis.contrasts import Values, within
from weightscape.metrics.analysis.design import Condition, Design, Weights
from weightscape.metrics.effects import varies

BEYOND = 2.0
"""Standard errors by which a squared norm without noise must exceed zero for its profile to have a direction."""
Runs = Mapping[Condition, Values]
"""The profiles [runs, layers] of conditions."""


class Mean(NamedTuple):
    """A condition's mean profile [layers], and the noise in its square."""

    profile: Values
    noise: float


class Profile(NamedTuple):
    """A contrast's profile [layers], and the weight and the noise of each condition in it."""

    values: Values
    parts: Mapping[Condition, tuple[float, float]]

    @property
    def square(self) -> float:
        """The squared norm without noise; may be negative."""
        return product(self, self)


Statistic = Callable[[list[Profile]], Values]


def product(x: Profile, y: Profile) -> float:
    """The inner product of two profiles without the noise of the conditions that both are made of."""
    both = [x.parts[c][0] * y.parts[c][0] * x.parts[c][1] for c in x.parts if c in y.parts]
    return float(x.values @ y.values) - sum(both)


def cosine(x: Profile, y: Profile) -> float:
    """Cosine of two profiles with the noise taken out; NaN where a norm is not positive."""
    squares = x.square * y.square
    return product(x, y) / np.sqrt(squares) if min(x.square, y.square) > 0 else float("nan")


def distance(x: Profile, y: Profile) -> float:
    """Root mean square difference over layers without noise; 0 if the noise is larger."""
    square = x.square + y.square - 2 * product(x, y)
    return float(np.sqrt(max(square / len(x.values), 0.0)))


class Jackknifed(NamedTuple):
    """A statistic vector, its standard errors and degrees of freedom."""

    values: Values
    errors: Values
    df: Values

    def interval(self, level: float) -> tuple[Values, Values]:
        """Lower and upper limits."""
        half = stdtrit(self.df, 0.5 + level / 2) * self.errors
        return self.values - half, self.values + half


def scaled(design: Design, profiles: Values) -> Values:
    """Profiles in units of each layer's standard deviation between runs; layers that never vary are left out."""
    spread, _ = within(design, profiles)
    moving = varies(np.sqrt(spread), np.abs(profiles).max(axis=0))
    return profiles[:, moving] / np.sqrt(spread[moving])


def mean_of(profiles: Values) -> Mean:
    """Mean profile of a condition's runs; the noise is NaN for one run."""
    n = len(profiles)
    mean = profiles.mean(axis=0)
    return Mean(mean, float(((profiles - mean) ** 2).sum() / (n - 1) / n) if n > 1 else float("nan"))


def combined(means: Mapping[Condition, Mean], weights: Weights) -> Profile:
    """The contrast of conditions with these weights."""
    values = np.sum([w * means[c].profile for c, w in weights.items()], axis=0)
    return Profile(values, {c: (w, means[c].noise) for c, w in weights.items()})


def profiles_of(runs: Runs, contrasts: Sequence[Weights]) -> list[Profile]:
    """The profiles of contrasts."""
    means = {condition: mean_of(own) for condition, own in runs.items()}
    return [combined(means, weights) for weights in contrasts]


def jackknife(runs: Runs, contrasts: Sequence[Weights], statistic: Statistic) -> Jackknifed:
    """A statistic of contrasts' profiles with its delete-one jackknife.

    Needs two runs in every condition for the value, three for its error (which is NaN otherwise).
    """
    means = {condition: mean_of(own) for condition, own in runs.items()}
    values = statistic([combined(means, weights) for weights in contrasts])
    variances, dfs = [], []
    for condition, own in runs.items():
        found = [np.full_like(values, np.nan)] if len(own) < 2 else []
        for run in range(len(own) if len(own) > 1 else 0):
            less = means | {condition: mean_of(np.delete(own, run, axis=0))}
            found.append(statistic([combined(less, weights) for weights in contrasts]))
        n, each = len(own), np.array(found)
        variances.append((n - 1) / n * ((each - each.mean(axis=0)) ** 2).sum(axis=0))
        dfs.append(max(n - 1, 1))
    total = np.sum(variances, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = total**2 / np.sum([v**2 / m for v, m in zip(variances, dfs, strict=True)], axis=0)
    return Jackknifed(values, np.sqrt(total), df)


def cosine_and_squares(profiles: list[Profile]) -> Values:
    """The cosine of two profiles, and their squares."""
    return np.array([cosine(*profiles), *(profile.square for profile in profiles)])


def have_directions(found: Jackknifed) -> bool:
    """Whether both squares of `cosine_and_squares` exceed zero beyond their errors; not if these are not known."""
    return bool((found.values[1:] > BEYOND * found.errors[1:]).all())


def cosines(x: Values, y: Values) -> Values:
    """Cosines of the rows of two arrays [n, layers], noise and all; NaN where one is zero."""
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.einsum("ij,ij->i", x, y) / np.where(lengths > 0, lengths, np.nan)
