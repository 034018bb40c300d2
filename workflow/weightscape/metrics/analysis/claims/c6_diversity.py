"""C6: pixel diversity rises and embedding diversity falls as augmentation strengthens (slope of ln Vendi).

A slope speaks for a curve only if the curve has one direction: its means are monotone, or lie on a line as far as the
runs can tell; and if the Vendi scores of orders .5, 1 and 2, which weigh rare and frequent images differently, agree in
the sign. Every condition has the same weight, the baseline's too.
"""

from dataclasses import replace

import numpy as np

from weightscape.families import DIVERSITY
from weightscape.metrics.analysis import dose_curves
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge
from weightscape.words import number

STATEMENT = "Pixel diversity rises and embedding diversity falls as augmentation strengthens."
RULE = (
    "supported if over the doses of augment ln Vendi (order 1) has a rising slope in pixels and a falling one in the "
    "backbone's embedding; contradicted if one slope has the opposite sign; a slope counts if the means are monotone "
    "or show no lack of fit (p > 0.05), and if the orders 0.5, 1 and 2 agree in its sign"
)
COUNTS = "training sets"
"""Seeds that train on the same images share one measurement."""
NEEDS = (DIVERSITY,)
ORDERS = ("1", "0.5", "2")
"""Of the Vendi score; the first is tested, the others must agree."""
LACK = 0.05
compared = controls.hidden


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the slope in pixels and in the backbone's embedding."""
    pixels = _slopes(setup, "pixels", "pixels", 1, options)
    embedding = _slopes(setup, setup.backbone, "embedding", -1, options)
    tests = [*pixels, *embedding]
    judge(tests, options.alpha)
    decision = all_of(tests, [pixels[0], embedding[0]], embedding[0])
    space = f"embedding: that of {setup.backbone} before training"
    return replace(decision, reason=decision.reason.within(after=f"; {space}"))


def _slopes(setup: Setup, space: str, kind: str, expects: int, options: Options) -> list[ClaimTest]:
    """The slope of ln Vendi of each order in one space on the order of augment's doses; the first decides."""
    tests = [_slope(setup, space, kind, order, options) for order in ORDERS]
    first = tests[0]
    first.expects, first.decides = expects, True
    estimates = [test.numbers.estimate for test in tests if np.isfinite(test.numbers.estimate)]
    disagree = len({np.sign(estimate) for estimate in estimates}) > 1
    bent = next((test.note for test in tests if test.note.lack is Lack.NOT_MONOTONE), NONE)
    why = Lack.ORDERS_DIFFER.reason() if disagree else bent
    if np.isfinite(first.numbers.p) and why:
        first.note, first.numbers = why, replace(first.numbers, p=float("nan"))
    elif len(estimates) < len(tests) and estimates:
        first.note = Reason("not all of the orders 0.5, 1 and 2 were measured")
    return tests


def _slope(setup: Setup, space: str, kind: str, order: str, options: Options) -> ClaimTest:
    """The slope of one order; its note tells if the means neither are monotone nor lie on a line."""
    measure = f"vendi_{order}"
    test = ClaimTest(
        f"slope of ln Vendi on strength, {kind}{'' if order == ORDERS[0] else f', order {order}'}",
        measure,
        "ln Vendi per step of strength",
        family=DIVERSITY,
        scope="data",
        decides=False,
    )
    values = setup.diversity.get((space, measure))
    design = setup.design.of_family(DIVERSITY)
    design = design if values is None else design.each_once(values)
    x = dose_curves.by_number(design, DIVERSITY)
    weights = dose_curves.slope_weights(design, DIVERSITY, x)
    if values is None or not weights:
        test.note = Reason(f"no Vendi score in the space {space} was measured")
        return test
    with np.errstate(invalid="ignore", divide="ignore"):
        log = np.log(values)
    test.numbers = Numbers.of(contrast(design, log, weights, options.level))
    fit = dose_curves.lack_of_fit(design, log, DIVERSITY, x)
    if not dose_curves.monotone(design, log, DIVERSITY) and not fit > LACK:
        test.note = Lack.NOT_MONOTONE.reason(scores=_scores(design, values), fit=_p(fit))
    return test


def _scores(design: Design, values: Values) -> str:
    return ", ".join(number(float(values[design.rows[condition]].mean()), 4) for condition in design.curve(DIVERSITY))


def _p(fit: float) -> str:
    return f"p = {number(fit, 2)}" if np.isfinite(fit) else Lack.NO_REPLICATES.text
