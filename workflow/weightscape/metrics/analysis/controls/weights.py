"""Controls of weights.

Weight decay is detected, duplicates act against diversity, and diversity resembles its regulariser more than it
resembles wrong labels or other steps.
"""

import numpy as np

from weightscape.families import COMPARED, DECAY, DIVERSITY, DROPOUT
from weightscape.metrics.analysis import similarity
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.dose_curves import Curve
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, Status, judged, lacking
from weightscape.metrics.spectral_metrics import PRIMARY
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric
from weightscape.words import number, signed

AGAINST = DIVERSITY, "duplicate"
"""The families that must act in opposite directions."""
UNTOLD = "an effect lies within its noise, or has fewer than three runs"


def strongest_decay(setup: Setup, options: Options) -> Control:
    """The strongest weight decay against the baseline, on the log norm, which no decay can fail to move."""
    design = setup.all_conditions
    if design.strongest(DECAY) is None:
        return lacking(setup.lacks([DECAY]))
    values = setup.metrics[PRIMARY if PRIMARY in setup.metrics else options.primary].mean()
    effect = contrast(design, values, design.strongest_effect(DECAY), options.level)
    passed = bool(effect.p < options.alpha)
    text = f"effect {number(effect.value, 3)} (p = {number(effect.p, 2)})"
    return judged(passed, f"{'passed' if passed else 'failed'}, {text}")


def duplicate(setup: Setup, options: Options) -> Control:
    """Duplicates, whatever they destroy, against diversity."""
    why = setup.lacks(AGAINST)
    if why:
        return lacking(why)
    values, design = setup.metrics[options.primary].mean(), setup.all_conditions
    effects = [contrast(design, values, setup.effect(family), options.level) for family in AGAINST]
    sizes = f"({number(effects[0].value, 3)} and {number(effects[1].value, 3)})"
    if not all(effect.p < options.alpha for effect in effects):
        return Control(Status.NOT_SHOWN, f"not shown, an effect does not differ from zero {sizes}")
    passed = bool(np.sign(effects[0].value) == -np.sign(effects[1].value))
    text = "passed, opposite to diversity" if passed else "failed, same sign as diversity"
    return judged(passed, f"{text} {sizes}")


def specific(family: str, setup: Setup, options: Options) -> Control:
    """Does diversity resemble dropout (or weight decay, if it is nearer to that) more than every dose of a family?

    Wrong labels destroy accuracy, and are compared all the same.
    """
    why = _incomparable(setup, family)
    if why:
        return lacking(why)
    profiles = similarity.scaled(setup.all_conditions, setup.metrics[options.primary].hidden)
    if not profiles.shape[1]:
        return lacking(f"no hidden layer has a usable {of_metric(options.primary)} that varies")
    none = np.zeros(len(profiles))
    curves = {
        name: Curve.of(setup.all_conditions, name, profiles, none).single(str(setup.stands(name))) for name in COMPARED
    }
    comparison = similarity.jackknife(list(curves.values()), similarity.last, similarity.comparison)
    near = DECAY if comparison is not None and comparison.values[0] < 0 else DROPOUT
    other, like = of_family(family), of_family(near)
    failed, passed = [], []
    for dose in _acting(setup, profiles, family, options):
        three = [curves[DIVERSITY], curves[near], Curve.of(setup.all_conditions, family, profiles, none).single(dose)]
        comparison = similarity.jackknife(three, similarity.last, similarity.comparison)
        assert comparison is not None  # every family has a last dose
        low = comparison.interval(options.level)[0][0]
        if not np.isfinite(low):  # a profile within its noise has no direction; two runs have no jackknife
            names = f"{of_family(DIVERSITY)}, {like}, {other} {dose}"
            return Control(Status.NOT_SHOWN, f"not shown, {UNTOLD} ({names})")
        values = f"{signed(comparison.values[0], 2)}, from {signed(low, 2)}"
        text = f"{dose}: cosine with {like} less that with {other} {values}"
        (passed if low > 0 else failed).append(text)
    if failed:
        text = f"not specific: diversity resembles {like} no more than {other} ({failed[0]})"
        return Control(Status.NOT_SPECIFIC, text)
    if not passed:
        return Control(Status.NOT_SHOWN, f"not shown, {other} has no effect that diversity could resemble")
    return Control(Status.PASSED, f"passed, {'; '.join(passed)}")


def _incomparable(setup: Setup, family: str) -> str:
    """Why diversity cannot be compared with a family; empty if it can."""
    return setup.lacks((family, *COMPARED))


def _acting(setup: Setup, profiles: Values, family: str, options: Options) -> list[str]:
    """The doses (of other families than steps: the strongest) whose profile differs from zero."""
    design = setup.all_conditions
    doses = design.doses(family) if family == "steps" else [str(setup.stands(family))]
    p = {dose: similarity.differs(design, profiles, design.effect(family, dose))[2] for dose in doses}
    return [dose for dose in doses if p[dose] < options.alpha]
