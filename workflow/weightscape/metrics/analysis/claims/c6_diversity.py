"""C6: pixel diversity rises and embedding diversity falls as augmentation strengthens (slope of ln Vendi)."""

from dataclasses import replace

import numpy as np

from weightscape.families import DIVERSITY
from weightscape.metrics.analysis import dose_curves
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge

STATEMENT = "Pixel diversity rises and embedding diversity falls as augmentation strengthens."
RULE = (
    "supported if over the doses of augment ln Vendi (order 1) has a rising slope in pixels and a falling one in the "
    "backbone's embedding; contradicted if one slope has the opposite sign"
)
COUNTS = "data sets"
"""Seeds that train on the same images share one measurement."""
NEEDS = (DIVERSITY,)
compared = controls.hidden


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from the slope in pixels and in the backbone's embedding."""
    pixels = _slope(setup, "pixels", "pixels", 1, options)
    embedding = _slope(setup, setup.backbone, "embedding", -1, options)
    tests = [pixels, embedding]
    judge(tests, options.alpha)
    decision = all_of(tests, tests, embedding)
    return replace(decision, reason=f"{decision.reason}; embedding: that of {setup.backbone} before training")


def _slope(setup: Setup, space: str, kind: str, expects: int, options: Options) -> ClaimTest:
    """The slope of ln Vendi in one space on the order of augment's doses."""
    test = ClaimTest(
        f"slope of ln Vendi on strength, {kind}",
        "vendi_1",
        "ln Vendi per step of strength",
        family=DIVERSITY,
        scope="data",
        expects=expects,
    )
    values = setup.diversity.get((space, "vendi_1"))
    design = setup.design if values is None else setup.design.each_once(values)
    weights = dose_curves.slope_weights(design, DIVERSITY, dose_curves.by_number(design, DIVERSITY))
    if values is None or not weights:
        test.note = f"no Vendi score in the space {space} was measured"
        return test
    with np.errstate(invalid="ignore", divide="ignore"):
        test.numbers = Numbers.of(contrast(design, np.log(values), weights, options.level))
    return test
