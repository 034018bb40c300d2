"""Controls of effects on weights: weight decay is detected, and duplicates act against diversity."""

import numpy as np

from weightscape.families import DECAY, DIVERSITY
from weightscape.metrics.analysis.availability import absent, missing
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls.control import Control, Status, judged, lacking
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.words import number


def strongest_decay(setup: Setup, options: Options) -> Control:
    """The strongest weight decay against its baseline, on the primary metric."""
    name, design = "strongest_decay", setup.all_conditions
    if design.strongest(DECAY) is None:
        return lacking(name, missing(setup, DECAY))
    values = setup.metrics[options.primary].mean()
    effect = contrast(design, values, design.strongest_effect(DECAY), options.level)
    passed = bool(effect.p < options.alpha)
    text = f"effect {number(effect.value, 3)} (p = {number(effect.p, 2)})"
    return judged(name, passed, f"{'passed' if passed else 'failed'}, {text}")


def duplicate(setup: Setup, options: Options) -> Control:
    """Duplicates against diversity."""
    name, families = "duplicate", (DIVERSITY, "duplicate")
    why = absent(setup, families)
    if why:
        return lacking(name, why)
    values = setup.metrics[options.primary].mean()
    effects = [
        contrast(setup.design, values, setup.design.strongest_effect(family), options.level) for family in families
    ]
    sizes = f"({number(effects[0].value, 3)} and {number(effects[1].value, 3)})"
    if not all(effect.p < options.alpha for effect in effects):
        return Control(name, Status.NOT_SHOWN, f"not shown, an effect does not differ from zero {sizes}")
    passed = bool(np.sign(effects[0].value) == -np.sign(effects[1].value))
    text = "passed, opposite to diversity" if passed else "failed, same sign as diversity"
    return judged(name, passed, f"{text} {sizes}")
