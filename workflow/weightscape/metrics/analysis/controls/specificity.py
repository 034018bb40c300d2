"""Controls of specificity: diversity resembles its regulariser more than it resembles wrong labels or other steps."""

import numpy as np

from weightscape.families import COMPARED, DECAY, DIVERSITY, DROPOUT
from weightscape.metrics.analysis import similarity
from weightscape.metrics.analysis.availability import absent, missing
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.controls.control import Control, Status, lacking
from weightscape.metrics.analysis.matching import Curve
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric
from weightscape.words import signed

UNTOLD = "an effect lies within its noise, or has fewer than three runs"


def label_noise(setup: Setup, options: Options) -> Control:
    """Diversity against wrong labels."""
    return specific(setup, "label_noise", options)


def steps(setup: Setup, options: Options) -> Control:
    """Diversity against longer and shorter training."""
    return specific(setup, "steps", options)


def specific(setup: Setup, family: str, options: Options) -> Control:
    """Does diversity resemble dropout (or weight decay, if it is nearer to that) more than every dose of a family?

    Wrong labels destroy accuracy, and are compared all the same.
    """
    why = _incomparable(setup, family)
    if why:
        return lacking(family, why)
    profiles = similarity.scaled(setup.design, setup.metrics[options.primary].hidden)
    if not profiles.shape[1]:
        return lacking(family, f"no hidden layer has a usable {of_metric(options.primary)} that varies")
    none = np.zeros(len(profiles))
    curves = {
        name: Curve.of(setup.design, name, profiles, none).single(str(setup.design.strongest(name)))
        for name in COMPARED
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
            return Control(family, Status.NOT_SHOWN, f"not shown, {UNTOLD} ({names})")
        values = f"{signed(comparison.values[0], 2)}, from {signed(low, 2)}"
        text = f"{dose}: cosine with {like} less that with {other} {values}"
        (passed if low > 0 else failed).append(text)
    if failed:
        text = f"not specific: diversity resembles {like} no more than {other} ({failed[0]})"
        return Control(family, Status.NOT_SPECIFIC, text)
    if not passed:
        return Control(family, Status.NOT_SHOWN, f"not shown, {other} has no effect that diversity could resemble")
    return Control(family, Status.PASSED, f"passed, {'; '.join(passed)}")


def _incomparable(setup: Setup, family: str) -> str:
    """Why diversity cannot be compared with a family; empty if it can."""
    why = absent(setup)
    if not why and setup.design.share((*COMPARED, family)):
        return similarity.SHARED
    if not why and setup.all_conditions.strongest(family) is None:
        return missing(setup, family)
    return why


def _acting(setup: Setup, profiles: Values, family: str, options: Options) -> list[str]:
    """The doses (of other families than steps: the strongest) whose profile differs from zero."""
    design = setup.all_conditions
    doses = design.doses(family) if family == "steps" else [str(design.strongest(family))]
    p = {dose: similarity.differs(design, profiles, design.effect(family, dose))[2] for dose in doses}
    return [dose for dose in doses if p[dose] < options.alpha]
