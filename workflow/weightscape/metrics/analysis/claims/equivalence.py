"""Equivalence of the effects of diversity and dropout, beside that of each to zero (two one-sided tests).

The margin is half of what dropout does in this study, and as dropout's effect s is itself estimated, both sides are
tested as contrasts: with s > 0, |d - s| < s / 2 is d - s / 2 > 0 and 3 s / 2 - d > 0, so that the error of the margin
is carried. A margin from the config is a fixed number. Nothing is equivalent to dropout that is not told from zero, and
an effect is only of note if it is not equivalent to zero too.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import stdtr, stdtrit

from weightscape.families import DIVERSITY, DROPOUT
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.design import Weights
from weightscape.metrics.analysis.reasons import Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Numbers
from weightscape.metrics.spectral_metrics import unit
from weightscape.words import number

Pair = tuple[float, float]
QUESTIONS: Mapping[str, tuple[str, Pair]] = {
    "equivalence of diversity and dropout": (DIVERSITY, (1.0, -1.0)),
    "equivalence of diversity and zero": (DIVERSITY, (1.0, 0.0)),
    "equivalence of dropout and zero": (DROPOUT, (0.0, 1.0)),
}
"""The family, and the weights of diversity's and dropout's effects in what should be near zero."""


def equivalence(setup: Setup, options: Options) -> list[ClaimTest]:
    """The three tests of each metric, of means over the hidden layers."""
    return [
        test
        for metric in options.metrics
        if not setup.metrics[metric].lacking(metric)
        for test in _of_metric(setup, metric, options)
    ]


def _of_metric(setup: Setup, metric: str, options: Options) -> list[ClaimTest]:
    values = setup.metrics[metric].mean()
    effect = contrast(setup.design, values, setup.design.strongest_effect(DROPOUT), options.level)
    fixed = options.margins.get(metric)
    share = options.margin * float(np.sign(effect.value))
    size = options.margin * abs(float(effect.value)) if fixed is None else fixed
    tests = []
    for question, (family, pair) in QUESTIONS.items():
        sides = [(pair[0] * side, pair[1] * side + (share if fixed is None else 0.0)) for side in (-1.0, 1.0)]
        p = max(_above(setup, values, weights, 0.0 if fixed is None else -fixed) for weights in sides)
        gap = contrast(setup.design, values, _weights(setup, pair), options.level)
        half = float(stdtrit(gap.df, 1 - options.alpha) * gap.error)
        low, high = float(gap.value) - half, float(gap.value) + half
        numbers = Numbers(float(gap.value), low, high, float(gap.df), size, p, gap.runs)
        test = ClaimTest(question, metric, unit(metric), numbers, family, "strongest", decides=False)
        test.shows, test.note = "equivalent", Reason(f"margin {number(size, 3)}")
        tests.append(test)
    return tests


def _weights(setup: Setup, pair: Pair) -> Weights:
    """The contrast of so many effects of diversity and of dropout."""
    found: dict[tuple[str, str], float] = {}
    for factor, family in zip(pair, (DIVERSITY, DROPOUT), strict=True):
        for condition, weight in setup.design.strongest_effect(family).items():
            found[condition] = found.get(condition, 0.0) + factor * weight
    return found


def _above(setup: Setup, values: Values, pair: Pair, least: float) -> float:
    """One-sided p of a contrast of the two effects lying above a number."""
    found = contrast(setup.design, values, _weights(setup, pair))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(stdtr(found.df, -(found.value - least) / found.error))
