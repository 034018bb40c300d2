"""Controls of chosen images: their sets differ in diversity as they should, and are equally right."""

import numpy as np

from weightscape.metrics.analysis import choices
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, judged, lacking, untested
from weightscape.words import number, signed

IMPURE = 0.02
"""Difference in the judge's accuracy on the training images from which two sets are not equally right."""
NO_BUDGET = "no budget was chosen by log-determinant, least diverse and at random from images that are right"


def choice(setup: Setup, options: Options) -> Control:
    """The choice acts: by log-determinant the sets are more diverse than at random, and the least diverse are less so.

    Measured as ln Vendi (order 1) of the training images, in the space in which they were compared.
    """
    found = choices.of_setup(setup, options)
    if not found:
        return lacking(NO_BUDGET)
    texts, passed = [], True
    for space in dict.fromkeys(budget.space for budget in found):
        scores = choices.log_scores(setup, space)
        if scores is None:
            return lacking(f"diversity in the space {space} was not measured")
        there = [budget for budget in found if budget.space == space]
        for method, sign in ((choices.MOST, 1), (choices.LEAST, -1)):
            shift = contrast(setup.design, scores, choices.less_random(there, method), options.level)
            if not np.isfinite(shift.p):
                return untested(shift)
            passed &= bool(shift.p < options.alpha and np.sign(shift.value) == sign)
            texts.append(f"{method} {signed(float(shift.value), 3)}")
    return judged(passed, f"{'passed' if passed else 'failed'}, ln Vendi less random: {', '.join(texts)}")


def purity(setup: Setup, options: Options) -> Control:
    """The judge, which knows further real images, recognises chosen and random sets alike (means over budgets)."""
    found = choices.of_setup(setup, options)
    if not found:
        return lacking(NO_BUDGET)
    judge = setup.outcomes.get("judge")
    if judge is None:
        return lacking("no accuracy of the judge")
    shifts = {}
    for method in (choices.MOST, choices.LEAST):
        weights = choices.less_random(found, method)
        shifts[method] = sum(weight * float(judge[setup.design.rows[c]].mean()) for c, weight in weights.items())
    if not np.isfinite(list(shifts.values())).all():
        return lacking("the judge saw no image of these runs")
    passed = max(map(abs, shifts.values())) <= IMPURE
    parts = ", ".join(f"{method} {signed(100 * shift, 2)} points" for method, shift in shifts.items())
    text = f"{'passed' if passed else 'failed'}, images recognised by the judge less random: {parts}"
    return judged(passed, f"{text} (at most {number(100 * IMPURE)})")
