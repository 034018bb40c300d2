"""C10: of images that are equally right, those chosen for their diversity help robustness most.

The rule, the margins and the study `workflow/studies/choose.yaml` were fixed before its runs.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from weightscape.metrics.analysis import choices
from weightscape.metrics.analysis.choices import LEAST, MOST, RANDOM, Budget
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.controls.chosen import NO_BUDGET
from weightscape.metrics.analysis.design import Weights
from weightscape.metrics.analysis.features import scopes
from weightscape.metrics.analysis.reasons import Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.signature import Signed
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, Verdict, all_of, judge, undecided
from weightscape.metrics.spectral_metrics import unit as unit_of
from weightscape.words import metric as of_metric
from weightscape.words import percent

STATEMENT = "Of images that are equally right, those that add most diversity help OOD accuracy most."
RULE = (
    "supported if, at equal budgets behind an equal gate and averaged over the budgets, images chosen by "
    "log-determinant give higher OOD accuracy than random ones and the least diverse ones lower, and if within budgets "
    "OOD accuracy rises with ln Vendi (order 1) of the training images; contradicted if one of the three has the "
    "opposite sign"
)
COUNTS = "runs"
NEEDS = ()
OUTCOME = "ood"
SLOPE = "slope on ln Vendi within budgets"
WAYS = {MOST: "log-determinant", LEAST: "least diverse"}
"""Ways of choosing in words, where these are no names."""
POWER, MOST_RUNS = 0.8, 1000
compared = controls.outcomes(OUTCOME, "ood_loss")
BESIDE = {"ood_loss": "nats", "test": "share"}
"""Outcomes that do not decide, with their units."""


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from three contrasts of OOD accuracy in each family that chooses."""
    found = choices.of_setup(setup, options)
    if not found:
        return undecided(Reason(NO_BUDGET))
    if OUTCOME not in setup.outcomes:
        return undecided(Reason("no set is out of distribution for every family"))
    families = list(dict.fromkeys(budget.family for budget in found))
    parts = [part for family in families for part in _parts(setup, _of_family(found, family), options)]
    tests = [*parts, *(test for family in families for test in _beside(setup, _of_family(found, family), options))]
    judge(tests, options.alpha)
    decision = all_of(tests, parts, parts[0])
    if decision.verdict is Verdict.UNDECIDED and (few := _few(setup, found, decision.leading, options.alpha)):
        return undecided(decision.reason.within(f"n: {few}; "), tests, decision.leading)
    return decision


def _of_family(budgets: list[Budget], family: str) -> list[Budget]:
    return [budget for budget in budgets if budget.family == family]


class _Measured(NamedTuple):
    """Values [runs] of which contrasts are taken, with their name, unit and scope."""

    values: Values
    metric: str
    unit: str
    scope: str = "outcome"


def _tests(contrasts: Mapping[str, Weights], of: _Measured, setup: Setup, options: Options) -> list[ClaimTest]:
    """One test, which decides nothing, for each contrast by its name; none for a contrast without weights."""
    return [
        ClaimTest(
            question,
            of.metric,
            of.unit,
            Numbers.of(contrast(setup.design, of.values, weights, options.level)),
            scope=of.scope,
            decides=False,
        )
        for question, weights in contrasts.items()
        if weights
    ]


def _parts(setup: Setup, budgets: list[Budget], options: Options) -> list[ClaimTest]:
    """The three tests of one family that decide."""
    contrasts = {_against(method): choices.less_random(budgets, method) for method in (MOST, LEAST)}
    contrasts[SLOPE] = choices.slope(setup, budgets)
    of = _Measured(setup.outcomes[OUTCOME], "OOD accuracy", "share")
    tests = _tests(contrasts, of, setup, options)
    if not contrasts[SLOPE]:
        what = f"the diversity of the training images in the space {budgets[0].space}"
        why = Lack.NOT_MEASURED.reason(what=what).within(after=", or does not vary")
        tests.append(ClaimTest(SLOPE, of.metric, of.unit, scope=of.scope, note=why))
    for test, sign in zip(tests, (1, -1, 1), strict=True):
        test.family, test.expects, test.decides = budgets[0].family, sign, True
    tests[-1].unit = "share per unit of ln Vendi"
    return tests


def _beside(setup: Setup, budgets: list[Budget], options: Options) -> list[ClaimTest]:
    """Tests that do not decide: of each budget, other ways of choosing, other outcomes, and the spectra."""
    methods = [m for m in dict.fromkeys(m for budget in budgets for m in budget.conditions) if m != RANDOM]
    every = {_against(method): choices.less_random(budgets, method) for method in methods}
    every[SLOPE] = choices.slope(setup, budgets)
    others = {text: weights for text, weights in every.items() if text not in map(_against, (MOST, LEAST))}
    others.pop(SLOPE)
    single = {
        f"{_against(method)}, share {budget.share:g}": choices.less_random([budget], method)
        for budget in budgets
        for method in methods
        if method in budget.conditions
    }
    tests = _tests(others | single, _Measured(setup.outcomes[OUTCOME], "OOD accuracy", "share"), setup, options)
    for name, unit in BESIDE.items():
        if name in setup.outcomes:
            tests += _tests(every, _Measured(setup.outcomes[name], of_metric(name), unit), setup, options)
    for metric in options.metrics:
        mean = setup.metrics[metric].mean()
        tests += _tests(every, _Measured(mean, metric, unit_of(metric), "hidden"), setup, options)
    for text in (_against(MOST), SLOPE):
        tests += _pattern(setup, text, every[text], options)
    for test in tests:
        test.family = test.family or budgets[0].family
    return tests


def _pattern(setup: Setup, text: str, weights: Weights, options: Options) -> list[ClaimTest]:
    """Whether the effect moves the vector of features of C2, and its cosines with C2's explanations if it does.

    Nothing where the study lacks dropout or weight decay.
    """
    tests = []
    for found in scopes(setup, options, Signed(text, weights)) if weights else ():
        where = {"scope": found.name, "decides": False}
        if text in found.p:
            tests.append(ClaimTest(f"signature of {text}", "signature", "", Numbers(p=found.p[text]), **where))
        if (regression := found.regression) is None:
            continue
        for at, name in enumerate(found.used):
            cosine = regression.cosine(at, options.level)
            numbers = Numbers(cosine.value, cosine.low, cosine.high, regression.df, p=cosine.p)
            tests.append(ClaimTest(f"cosine of {text}", "signature", "", numbers, name, **where))
    return tests


def _against(method: str) -> str:
    return f"{WAYS.get(method, method.replace('_', ' '))} less random"


def _few(setup: Setup, budgets: list[Budget], test: ClaimTest | None, alpha: float) -> str:
    """How many runs of each condition the effect of an unclear test needs; empty if its sign is not as stated."""
    if test is None or not np.isfinite(test.numbers.p) or np.sign(test.numbers.estimate) != test.expects:
        return ""
    there = max(len(setup.design.rows[c]) for budget in budgets for c in budget.conditions.values())
    detected = float(sum(ndtri([1 - alpha / 2, POWER])))  # in standard errors; as if these were known
    needed = min(there * (detected / test.numbers.statistic) ** 2, MOST_RUNS)
    text = f"{math.ceil(needed)}" if needed < MOST_RUNS else f"more than {MOST_RUNS}"
    return f"at this effect {percent(POWER)} power needs {text} runs of each condition, where there are {there}"
