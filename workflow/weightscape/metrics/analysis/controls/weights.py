"""Controls of weights.

Weight decay is detected, duplicates act against diversity, and wrong labels and other steps are there to explain what
diversity does.
"""

import numpy as np

from weightscape.families import COMPARED, DECAY, DIVERSITY
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, Status, judged, lacking, untested
from weightscape.metrics.spectral_metrics import PRIMARY
from weightscape.words import number

AGAINST = DIVERSITY, "duplicate"
"""The families that must act in opposite directions."""


def strongest_decay(setup: Setup, options: Options) -> Control:
    """The strongest weight decay against the baseline, on the log norm, which no decay can fail to move."""
    design = setup.all_conditions
    if design.strongest(DECAY) is None:
        return lacking(setup.lacks([DECAY]))
    values = setup.metrics[PRIMARY if PRIMARY in setup.metrics else options.primary].mean()
    effect = contrast(design, values, design.strongest_effect(DECAY), options.level)
    if not np.isfinite(effect.p):
        return untested(effect)
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
    if not all(np.isfinite(effect.p) for effect in effects):
        return untested(*effects)
    if not all(effect.p < options.alpha for effect in effects):
        return Control(Status.NOT_SHOWN, f"not shown, an effect does not differ from zero {sizes}")
    passed = bool(np.sign(effects[0].value) == -np.sign(effects[1].value))
    text = "passed, opposite to diversity" if passed else "failed, same sign as diversity"
    return judged(passed, f"{text} {sizes}")


def explains(family: str, setup: Setup, options: Options) -> Control:
    """A competing explanation is there, so that C2's regression takes it into account, destructive or not."""
    why = setup.lacks((family, *COMPARED))
    return lacking(why) if why else judged(True, "passed, an explanation beside dropout and weight decay")
