"""Compares conditions whose further images are chosen in different ways, at an equal number and from an equal pool.

Such conditions are a `Budget`: equal in family, share, recipe, gate, pool, space and in what counts as there already;
images drawn at random depend on neither of the last two. Budgets have equal weight. Images of a generator count only
behind a gate, since the most different ones are often the wrong ones; further real images are right without one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from weightscape.families import FAMILIES
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.design import Condition, average
from weightscape.metrics.analysis.settings import FurtherImages, Options
from weightscape.metrics.analysis.setups import Setup

MOST, LEAST, RANDOM = "log_det", "least_diverse", "random"
COMPARED = (MOST, LEAST, RANDOM)
"""The ways of choosing that the claim compares; others take part in the slope."""
MEASURE = "vendi_1"


@dataclass(frozen=True)
class Budget:
    """The conditions of one budget by their way of choosing, and the space in which images are compared."""

    family: str
    share: float
    space: str
    conditions: dict[str, Condition]


def budgets(further: Sequence[FurtherImages], there: Collection[Condition]) -> list[Budget]:
    """The budgets of which the conditions of all three ways are there, in the order of the study."""
    equally_right = [
        each
        for each in further
        if (each.family, each.dose) in there
        and each.method is not None
        and (each.gated or FAMILIES[each.family].draws_from == "extra")
    ]
    drawn = {(e.family, e.offered): (e.family, e.dose) for e in equally_right if e.method == RANDOM}
    found: dict[object, Budget] = {}
    for each in equally_right:
        at_random = drawn.get((each.family, each.offered))
        if at_random is None or each.method in (None, RANDOM):
            continue
        key = each.family, each.offered, each.by, each.given
        budget = found.setdefault(key, Budget(each.family, each.share, each.by, {RANDOM: at_random}))
        budget.conditions[each.method] = (each.family, each.dose)
    return [budget for budget in found.values() if set(COMPARED) <= set(budget.conditions)]


def of_setup(setup: Setup, options: Options) -> list[Budget]:
    """The budgets of a setup."""
    return budgets(options.further, setup.design.rows)


def less_random(budgets: Sequence[Budget], method: str) -> dict[Condition, float]:
    """The weights of images chosen in one way less as many at random, averaged over the budgets that have it."""
    pairs = [(b.conditions[method], b.conditions[RANDOM]) for b in budgets if method in b.conditions]
    return average([{chosen: 1.0, drawn: -1.0} for chosen, drawn in pairs])


def log_scores(setup: Setup, space: str) -> Values | None:
    """ln Vendi (order 1) of each run's training images in a space; None where it was not measured."""
    scores = setup.diversity.get((space, MEASURE))
    if scores is None:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(scores)


def slope(setup: Setup, budgets: Sequence[Budget]) -> dict[Condition, float]:
    """The weights of the slope within budgets on the conditions' mean ln Vendi; empty where it has no spread.

    It is the common slope of parallel lines, one for each budget. The error of a mean score is not carried: it flattens
    the slope by the share that it has in the spread of the scores.
    """
    weights: dict[Condition, float] = {}
    total = 0.0
    for budget in budgets:
        scores = log_scores(setup, budget.space)
        if scores is None:
            return {}
        means = {c: float(scores[setup.design.rows[c]].mean()) for c in budget.conditions.values()}
        centre = float(np.mean(list(means.values())))
        for condition, mean in means.items():
            weights[condition] = weights.get(condition, 0.0) + mean - centre
            total += (mean - centre) ** 2
    return {condition: weight / total for condition, weight in weights.items()} if total > 0 else {}
