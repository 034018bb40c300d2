"""Controls: what must come out as known before a verdict stands (the config names those of each claim).

a_a              the families' own baselines, where nothing differs, show no difference (one-way analysis of variance)
strongest_decay  the strongest weight decay is detected
duplicate        fewer unique images move the primary metric opposite to diversity
label_noise      diversity resembles dropout (or weight decay, if that is nearer) more than it resembles label noise
steps            the same for longer and shorter training
noise_reference  pixel diversity stays below that of pure noise, so that it is not saturated
real_add         further real images help at least as much as synthetic ones
judge_excess     if replacing real by synthetic images hurts, then more than wrong labels at the judge's excess error
resolution       and more than real images at the generator's resolution, where that is lower

A control that the study lacks is not passed.
"""

from collections.abc import Callable, Mapping, Sequence

from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.controls import a_a, images, specificity, weights
from weightscape.metrics.analysis.controls.control import Control
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup

CONTROLS: dict[str, Callable[[Setup, Options], Control]] = {
    "strongest_decay": weights.strongest_decay,
    "duplicate": weights.duplicate,
    "label_noise": specificity.label_noise,
    "steps": specificity.steps,
    "noise_reference": images.noise_reference,
    "real_add": images.real_add,
    "judge_excess": images.judge_excess,
    "resolution": images.resolution,
}


def controls(setup: Setup, names: Sequence[str], measures: Mapping[str, Values], options: Options) -> list[Control]:
    """The controls of these names; the A/A control compares the measures [runs] by name."""
    return [a_a.a_a(setup, measures, options) if name == a_a.NAME else CONTROLS[name](setup, options) for name in names]
