"""Controls: what must come out as known before a verdict stands (the config names those of each claim).

regime           further real images improve validation accuracy or loss: training is limited by its data
a_a              random halves of the baseline runs, where nothing differs, show no difference
strongest_decay  the strongest weight decay is detected
duplicate        fewer unique images move the primary metric opposite to diversity
label_noise      explains what diversity does, beside dropout and weight decay
steps            the same for longer and shorter training
noise_reference  pixel diversity stays below that of pure noise, so that it is not saturated
real_add         further real images help at least as much as synthetic ones
judge_excess     if replacing real by synthetic images hurts, then more than wrong labels at the judge's excess error
resolution       and more than real images at the generator's resolution, where that is lower
choice           images chosen for their diversity make more diverse sets than random ones, the least diverse less so
purity           and the judge recognises as many of them, to two points

A control that the study lacks is not passed. All look at all conditions, destructive ones too.
"""

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from weightscape.families import COMPARED, DECAY, DIVERSITY, POOL
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.controls import chosen, images, weights
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control, Status, judged, lacking
from weightscape.words import metric as of_metric
from weightscape.words import number

LEAST_POOL = 4
"""Baseline runs that have halves with a spread."""
DIFFERENT = 0.01
"""The p below which halves differ: at 0.05 every second study of seven claims and two networks would lose a verdict."""
MOST_NAMED = 8
"""Measures that the outcome of the A/A control names; more are counted."""


class Check(NamedTuple):
    """How a control comes out for a setup, and the families without which it is missing."""

    outcome: Callable[[Setup, Options], Control]
    needs: tuple[str, ...] = ()


CONTROLS = {
    "regime": Check(images.regime, (images.REAL,)),
    "strongest_decay": Check(weights.strongest_decay, (DECAY,)),
    "duplicate": Check(weights.duplicate, weights.AGAINST),
    "label_noise": Check(functools.partial(weights.explains, "label_noise"), ("label_noise", *COMPARED)),
    "steps": Check(functools.partial(weights.explains, "steps"), ("steps", *COMPARED)),
    "noise_reference": Check(images.noise_reference, (DIVERSITY,)),
    "real_add": Check(images.real_add, images.ADDED),
    "judge_excess": Check(images.judge_excess, (images.REPLACE, images.WRONG)),
    "resolution": Check(images.resolution, (images.REPLACE, images.COARSE)),
    "choice": Check(chosen.choice),
    "purity": Check(chosen.purity),
}
"""All but the A/A control, which compares what a claim measures and needs no family."""


def controls(
    setup: Setup, names: Sequence[str], measures: Mapping[str, Values], options: Options
) -> dict[str, Control]:
    """The controls of these names; the A/A control compares the measures [runs] by name."""
    return {
        name: a_a(setup, measures, options) if name == "a_a" else CONTROLS[name].outcome(setup, options)
        for name in names
    }


def hidden(setup: Setup, options: Options) -> dict[str, Values]:
    """The metrics, means over the hidden layers, for the A/A control to compare; the primary one first."""
    return {name: setup.metrics[name].mean() for name in dict.fromkeys((options.primary, *options.metrics))}


def head(setup: Setup, options: Options) -> dict[str, Values]:
    """The same metrics of the head."""
    return {name: setup.metrics[name].head for name in dict.fromkeys((options.primary, *options.metrics))}


def outcomes(first: str, *further: str) -> Callable[[Setup, Options], dict[str, Values]]:
    """The measured ones of some outcomes; none without the first."""

    def measured(setup: Setup, options: Options) -> dict[str, Values]:
        names = [name for name in (first, *further) if name in setup.outcomes and first in setup.outcomes]
        return {name: setup.outcomes[name] for name in names}

    return measured


def a_a(setup: Setup, measures: Mapping[str, Values], options: Options) -> Control:
    """Random halves of the baseline runs against each other in all measures [runs] at once, by Hotelling's T^2.

    The covariance is pooled within the halves, and where these are few within all other conditions, too. The first
    measure must be there in every baseline run; a further one that is not there, never varies, or follows from those
    before it (a matrix's stable rank from its two norms), is left out.
    """
    if not measures:
        return lacking("its measure is not there")
    every = setup.all_conditions
    references = [*filter(None, map(every.reference, every.families)), POOL]
    pool = max((every.rows.get(reference, np.empty(0, int)) for reference in references), key=len)
    if len(pool) < LEAST_POOL:
        return lacking(f"halves need {LEAST_POOL} baseline runs, and there are {len(pool)}")
    used = {name: values for name, values in measures.items() if np.isfinite(values[pool]).all()}
    if next(iter(measures)) not in used:
        return lacking("not measured in every baseline run")
    used = {name: values for name, values in used.items() if np.ptp(values[pool]) > 0}
    if not used:
        return lacking("the baseline runs do not vary")
    whole = np.all(np.isfinite(list(used.values())), axis=0)
    others = [at for condition, at in every.rows.items() if condition not in references and whole[at].all()]
    used = independent(used, [pool, *others])
    stream = zlib.crc32(f"{setup.dataset}/{setup.backbone}/A/A".encode())
    order = np.random.default_rng([options.seed, stream]).permutation(pool)
    halves = order[: len(pool) // 2], order[len(pool) // 2 :]
    enough = len(pool) - 2 >= 2 * len(used)
    p = hotelling(np.stack(list(used.values()), axis=1), halves, [] if enough else others)
    if not np.isfinite(p):
        return Control(Status.NOT_SHOWN, f"not shown, too few runs for {len(used)} measures")
    passed = p >= DIFFERENT
    text = f"{'passed' if passed else 'failed'}, random halves of {len(pool)} baseline runs"
    names = ", ".join(map(of_metric, used)) if len(used) <= MOST_NAMED else f"{len(used)} features"
    return judged(passed, f"{text} {'do not differ' if passed else 'differ'} in {names} (p = {number(p, 2)})")


def independent(measures: Mapping[str, Values], conditions: Sequence[np.ndarray]) -> dict[str, Values]:
    """The measures [runs] that vary between the runs of conditions in another way than all linear combinations of
    earlier ones.

    Beyond the degrees of freedom of these runs all would be such combinations, and nothing is left out.
    """
    df = sum(len(at) - 1 for at in conditions)
    kept: dict[str, Values] = {}
    scaled: list[Values] = []
    for name, values in measures.items():
        rest = np.concatenate([values[at] - values[at].mean() for at in conditions])
        rows = np.stack([*scaled, rest / rest.std()])
        if len(rows) > df or np.linalg.matrix_rank(rows, tol=1e-6 * rows.shape[1] ** 0.5) == len(rows):
            kept[name] = values
            scaled.append(rows[-1])
    return kept


def hotelling(features: Values, halves: tuple[np.ndarray, np.ndarray], others: Sequence[np.ndarray]) -> float:
    """p that two groups of runs have equal means of features [runs, features] (Hotelling 1931).

    `others` are the runs of further conditions, which tell of the covariance; NaN where that is not of full rank.
    """
    rest = np.concatenate([features[at] - features[at].mean(axis=0) for at in (*halves, *others)])
    df, p = sum(len(at) - 1 for at in (*halves, *others)), features.shape[1]
    scale = np.sqrt((rest**2).mean(axis=0))
    if df < p or not scale.all() or np.linalg.matrix_rank(rest / scale) < p:
        return float("nan")
    gap = (features[halves[0]].mean(axis=0) - features[halves[1]].mean(axis=0)) / scale
    covariance = (rest / scale).T @ (rest / scale) / df
    square = float(gap @ np.linalg.solve(covariance, gap)) / (1 / len(halves[0]) + 1 / len(halves[1]))
    return float(fdtrc(p, df - p + 1, square * (df - p + 1) / (df * p)))
