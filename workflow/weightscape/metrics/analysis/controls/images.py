"""Controls of images: pure noise bounds pixel diversity, real images help, synthetic ones hurt beyond their flaws."""

import numpy as np
from scipy.special import stdtr

from weightscape.families import DIVERSITY
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.design import Weights, difference
from weightscape.metrics.analysis.reasons import Lack
from weightscape.metrics.analysis.settings import NOISE_SCORES, Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, Status, judged, lacking, untested
from weightscape.words import metric as of_metric
from weightscape.words import number, signed

SATURATED = 0.9
"""Share of the score of pure noise from which a score can hardly rise."""
REPLACE, WRONG, COARSE, REAL = "synthetic_replace", "label_noise", "resolution", "real_add"

ADDED = REAL, "synthetic_add"
GAINS = {"val": 1, "val_loss": -1}
"""Outcomes that must improve where data limits training, and the sign of an improvement."""


def noise_reference(setup: Setup, options: Options) -> Control:
    """Pixel Vendi score of the strongest augmentation against the larger one of pure noise, at as many images."""
    scores = setup.diversity.get(("pixels", "vendi_1"))
    noise = [setup.diversity[key] for key in (("pixels", name) for name in NOISE_SCORES) if key in setup.diversity]
    dose = setup.stands(DIVERSITY)
    if scores is None:
        return lacking("pixel diversity was not measured")
    if not noise:
        return lacking("the pixel diversity of pure noise was not measured")
    if dose is None:
        return lacking(setup.lacks([DIVERSITY]))
    rows = setup.all_conditions.rows[DIVERSITY, dose]
    share = float(scores[rows].mean() / max(score[rows].mean() for score in noise))
    if not np.isfinite(share):
        return lacking(Lack.NO_VALUE.text)
    passed = share < SATURATED
    text = f"{'passed' if passed else 'failed, saturated'}, {100 * share:.0f} % of the score of pure noise"
    return judged(passed, text)


def regime(setup: Setup, options: Options) -> Control:
    """Further real images raise validation accuracy or lower its loss, beyond noise: one-sided tests, Bonferroni.

    Where they change nothing, training is not limited by its data, and their diversity has nothing to act on.
    """
    why = setup.lacks([REAL]) if GAINS.keys() & setup.outcomes.keys() else "no validation accuracy"
    if why:
        return lacking(why)
    p, gains, changes = [], [], []
    for name, sign in GAINS.items():
        if name in setup.outcomes:
            gain = contrast(setup.all_conditions, setup.outcomes[name], setup.effect(REAL), options.level)
            gains.append(gain)
            p.append(float(stdtr(gain.df, -sign * gain.statistic)))
            changes.append(f"{of_metric(name)} by {_change(name, float(gain.value))}")
    if not np.isfinite(p).all():
        return untested(*gains)
    least = min(1.0, len(p) * min(p))
    text = f"further real images ({setup.stands(REAL)}) change {' and '.join(changes)} (p = {number(least, 2)})"
    if least < options.alpha:
        return Control(Status.PASSED, f"passed, {text}")
    return Control(Status.NOT_LIMITED, f"not limited by data: {text}")


def _change(name: str, value: float) -> str:
    return f"{signed(100 * value, 1)} points" if name == "val" else signed(value, 3)


def real_add(setup: Setup, options: Options) -> Control:
    """Adding real images helps test accuracy no less than adding synthetic ones."""
    why = setup.lacks(ADDED) if "test" in setup.outcomes else "no test accuracy"
    if why:
        return lacking(why)
    weights = difference(*map(setup.effect, ADDED))
    gain = contrast(setup.all_conditions, setup.outcomes["test"], weights, options.level)
    if not np.isfinite(gain.p):
        return untested(gain)
    passed = bool(gain.high >= 0)
    text = "passed" if passed else "failed, synthetic images help more"
    return judged(passed, f"{text} (real less synthetic {signed(100 * float(gain.value), 1)} points)")


def judge_excess(setup: Setup, options: Options) -> Control:
    """Replacing by synthetic images against label noise, scaled to the images that the judge takes for another class.

    The excess is the judge's accuracy on the real training images less that on what replaced them.
    """
    if "test" not in setup.outcomes or "judge" not in setup.outcomes:
        return lacking("no test accuracy, or no accuracy of the judge")
    design, judge = setup.all_conditions, setup.outcomes["judge"]
    if why := setup.lacks((REPLACE, WRONG)):
        return lacking(why)
    replaced, baseline = (design.rows[condition] for condition in design.strongest_effect(REPLACE))
    excess = float(judge[baseline].mean() - judge[replaced].mean())
    if not np.isfinite(excess):
        return lacking("the judge saw no image of these runs")
    dose = str(design.strongest(WRONG))
    explained = design.effect(WRONG, dose, max(excess, 0.0) / design.numbers[WRONG, dose])
    weights = difference(design.strongest_effect(REPLACE), explained)
    return _hurts_more(setup, weights, f"than wrong labels at {100 * max(excess, 0.0):.1f} %", options)


def resolution(setup: Setup, options: Options) -> Control:
    """Replacing by synthetic images against real images that went through the generator's resolution."""
    if setup.dataset not in options.coarse:
        return Control(Status.NOT_NEEDED, "not needed, the generator's images are no smaller than the real ones")
    if "test" not in setup.outcomes:
        return lacking("no test accuracy")
    design = setup.all_conditions
    if why := setup.lacks((REPLACE, COARSE)):
        return lacking(why)
    weights = difference(design.strongest_effect(REPLACE), design.strongest_effect(COARSE))
    return _hurts_more(setup, weights, "than the lower resolution alone", options)


def _hurts_more(setup: Setup, weights: Weights, than: str, options: Options) -> Control:
    """Destructive conditions take part, since the question is whether they hurt."""
    design, test = setup.all_conditions, setup.outcomes["test"]
    harm = contrast(design, test, design.strongest_effect(REPLACE), options.level)
    excess = contrast(design, test, weights, options.level)
    if not np.isfinite(excess.p):
        return untested(excess)
    if harm.high >= 0:
        return Control(Status.NOT_NEEDED, "not needed, replacing real images is not seen to hurt")
    passed = bool(excess.high < 0)
    text = "passed, hurts more" if passed else "failed, not shown to hurt more"
    return judged(passed, f"{text} {than} (by {signed(-100 * float(excess.value), 1)} points)")
