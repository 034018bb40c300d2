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

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import fdtrc

from weightscape.families import BASELINE
from weightscape.metrics.analysis.contrasts import Values, holm
from weightscape.metrics.analysis.controls import images, weights
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, Status, judged, lacking
from weightscape.words import metric as of_metric
from weightscape.words import number

CONTROLS: dict[str, Callable[[Setup, Options], Control]] = {
    "strongest_decay": weights.strongest_decay,
    "duplicate": weights.duplicate,
    "label_noise": functools.partial(weights.specific, "label_noise"),
    "steps": functools.partial(weights.specific, "steps"),
    "noise_reference": images.noise_reference,
    "real_add": images.real_add,
    "judge_excess": images.judge_excess,
    "resolution": images.resolution,
}


def controls(
    setup: Setup, names: Sequence[str], measures: Mapping[str, Values], options: Options
) -> dict[str, Control]:
    """The controls of these names; the A/A control compares the measures [runs] by name."""
    return {name: a_a(setup, measures, options) if name == "a_a" else CONTROLS[name](setup, options) for name in names}


def hidden(setup: Setup, options: Options) -> dict[str, Values]:
    """The primary metric, mean over the hidden layers, for the A/A control to compare."""
    return {options.primary: setup.metrics[options.primary].mean()}


def head(setup: Setup, options: Options) -> dict[str, Values]:
    """The primary metric of the head."""
    return {options.primary: setup.metrics[options.primary].head}


def outcomes(first: str, *further: str) -> Callable[[Setup, Options], dict[str, Values]]:
    """The measured ones of some outcomes; none without the first."""

    def measured(setup: Setup, options: Options) -> dict[str, Values]:
        names = [name for name in (first, *further) if name in setup.outcomes and first in setup.outcomes]
        return {name: setup.outcomes[name] for name in names}

    return measured


def a_a(setup: Setup, measures: Mapping[str, Values], options: Options) -> Control:
    """Families' baselines against each other in each of the measures [runs] by name, by analysis of variance and Holm.

    The first measure must be there in every baseline run; a further one (curvature) is compared if two families have
    it.
    """
    if not measures:
        return lacking("its measure is not there")
    baselines = [rows for (_, dose), rows in setup.design.distinct.items() if dose == BASELINE]
    if len(baselines) < 2 and setup.design.share(setup.design.families):
        return lacking("all families share one set of baseline runs")
    p, texts = [], []
    for place, (name, values) in enumerate(measures.items()):
        groups = [values[rows] for rows in baselines if len(rows) > 1]
        groups = [group for group in groups if place == 0 or np.isfinite(group).all()]
        result = _same_mean(groups)
        label = f"{of_metric(name)}: " if len(measures) > 1 else ""
        if isinstance(result, str) and place == 0:
            return Control(Status.MISSING, result)
        if isinstance(result, str):
            texts.append(f"{label}{result}, not compared")
        else:
            p.append(result)
            texts.append(f"{label}baselines of {len(groups)} families")
    smallest = min(holm(p))
    passed = smallest >= options.alpha
    text = f"{'passed' if passed else 'failed'}, {', '.join(texts)}: {'no difference' if passed else 'differ'}"
    return judged(passed, f"{text} (p = {number(smallest, 2)})")


def _same_mean(groups: list[Values]) -> float | str:
    """p of the one-way analysis of variance, or why there is none."""
    if len(groups) < 2:
        return "fewer than two groups of two baseline runs"
    whole = np.concatenate(groups)
    if not np.isfinite(whole).all():
        return "not measured in every baseline run"
    if all(np.ptp(group) == 0 for group in groups):
        return "the baseline runs do not vary"
    between = sum(len(group) * (group.mean() - whole.mean()) ** 2 for group in groups)
    within, df = sum(((group - group.mean()) ** 2).sum() for group in groups), sum(len(group) - 1 for group in groups)
    k = len(groups) - 1
    return float(fdtrc(k, df, between / k / (within / df)))
