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

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import fdtrc

from weightscape.families import BASELINE
from weightscape.metrics.analysis import similarity
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.design import Weights, difference
from weightscape.metrics.analysis.holm import adjusted
from weightscape.metrics.analysis.matching import Curve
from weightscape.metrics.analysis.settings import DECAY, DIVERSITY, DROPOUT, NOISE_SCORES, Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Control
from weightscape.words import family as of_family
from weightscape.words import metric as of_metric
from weightscape.words import number, signed


def missing(setup: Setup, family: str) -> str:
    """What is missing of a family; empty if it has a baseline and a dose with a number."""
    if not setup.design.doses(family):
        if setup.all_conditions.unnumbered(family):
            return f"the doses of {of_family(family)} have no numbers"
        left_out = bool(setup.all_conditions.doses(family))
        return (
            f"every dose of {of_family(family)} is destructive"
            if left_out
            else f"the study has no family {of_family(family)}"
        )
    if (family, BASELINE) not in setup.design.rows:
        return f"{of_family(family)} has no baseline runs"
    return ""


UNTOLD = "an effect lies within its noise, or has fewer than three runs"
ONE_BASELINE = "all families share one set of baseline runs"


def a_a(setup: Setup, values: Mapping[str, Values], options: Options) -> Control:
    """Families' baselines against each other, in each of the measures by name, Holm over them.

    The first measure must be there in every baseline run; a further one (curvature) is compared where two families
    have it.
    """
    baselines = [own for (_, dose), own in setup.design.distinct.items() if dose == BASELINE]
    if len(baselines) < 2 and setup.design.share(setup.design.families):
        return Control("a_a", False, f"missing: {ONE_BASELINE}")
    p, parts = [], []
    for at, (name, measure) in enumerate(values.items()):
        groups = [measure[own] for own in baselines if len(own) > 1]
        groups = [group for group in groups if at == 0 or np.isfinite(group).all()]
        found = same_mean(groups)
        if isinstance(found, str) and at == 0:
            return Control("a_a", False, found)
        label = f"{of_metric(name)}: " if len(values) > 1 else ""
        if isinstance(found, str):
            parts.append(f"{label}{found}, not compared")
            continue
        p.append(found)
        parts.append(f"{label}baselines of {len(groups)} families")
    corrected = min(adjusted(p))
    passed = corrected >= options.alpha
    text = f"{'passed' if passed else 'failed'}, {', '.join(parts)}: {'no difference' if passed else 'differ'}"
    return Control("a_a", passed, f"{text} (p = {number(corrected, 2)})")


def same_mean(groups: list[Values]) -> float | str:
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


def strongest_decay(setup: Setup, options: Options) -> Control:
    """The strongest weight decay against its baseline, on the primary metric."""
    design = setup.all_conditions
    dose = design.strongest(DECAY)
    if dose is None:
        return Control("strongest_decay", False, f"missing: {missing(setup, DECAY)}")
    weights = design.effect(DECAY, dose)
    found = contrast(design, setup.metrics[options.primary].mean(), weights, options.level)
    passed = bool(found.p < options.alpha)
    return Control(
        "strongest_decay",
        passed,
        f"{'passed' if passed else 'failed'}, effect {number(found.value, 3)} (p = {number(found.p, 2)})",
    )


def duplicate(setup: Setup, options: Options) -> Control:
    """Duplicates against diversity."""
    for family in (DIVERSITY, "duplicate"):
        why = missing(setup, family)
        if why:
            return Control("duplicate", False, f"missing: {why}")
    values = setup.metrics[options.primary].mean()
    both = [
        contrast(setup.design, values, setup.design.effect(f, str(setup.design.strongest(f))), options.level)
        for f in (DIVERSITY, "duplicate")
    ]
    clear = all(each.p < options.alpha for each in both)
    passed = bool(clear and np.sign(both[0].value) == -np.sign(both[1].value))
    outcome = (
        "passed, opposite to diversity"
        if passed
        else ("failed, same sign as diversity" if clear else "not shown, an effect does not differ from zero")
    )
    return Control("duplicate", passed, f"{outcome} ({number(both[0].value, 3)} and {number(both[1].value, 3)})")


def specific(setup: Setup, family: str, options: Options) -> Control:
    """Does diversity resemble dropout (or weight decay, if it is nearer to that) more than every dose of a family?"""
    for name in (DIVERSITY, DROPOUT, DECAY):
        why = missing(setup, name)
        if why:
            return Control(family, False, f"missing: {why}")
    if setup.design.share((DIVERSITY, DROPOUT, DECAY, family)):
        return Control(family, False, f"missing: {similarity.SHARED}")
    design, every = setup.design, setup.all_conditions  # wrong labels destroy accuracy, and are compared all the same
    if every.strongest(family) is None:
        return Control(family, False, f"missing: {missing(setup, family)}")
    profiles = similarity.scaled(design, setup.metrics[options.primary].hidden)
    if not profiles.shape[1]:
        return Control(family, False, f"missing: no hidden layer has a usable {of_metric(options.primary)} that varies")
    none = np.zeros(len(profiles))
    curves = {
        name: Curve.of(design, name, profiles, none).single(str(design.strongest(name)))
        for name in (DIVERSITY, DROPOUT, DECAY)
    }
    first = similarity.jackknife(list(curves.values()), similarity.last, similarity.comparison)
    near = DECAY if first is not None and first.values[0] < 0 else DROPOUT
    own, like = of_family(family), of_family(near)
    parts = []
    for dose in every.doses(family) if family == "steps" else [str(every.strongest(family))]:
        if not similarity.differs(every, profiles, every.effect(family, dose))[2] < options.alpha:
            continue
        three = [curves[DIVERSITY], curves[near], Curve.of(every, family, profiles, none).single(dose)]
        found = similarity.jackknife(three, similarity.last, similarity.comparison)
        assert found is not None  # every family has a last dose
        low = found.interval(options.level)[0][0]
        if not np.isfinite(low):  # a profile within its noise has no direction; two runs have no jackknife
            return Control(
                family,
                False,
                f"not shown, {UNTOLD} ({of_family(DIVERSITY)}, {like}, {own} {dose})",
            )
        values = f"{signed(found.values[0], 2)}, from {signed(low, 2)}"
        text = f"{dose}: cosine with {like} less that with {own} {values}"
        parts.append((bool(low > 0), text))
    if not parts:
        return Control(family, False, f"not shown, {own} has no effect that diversity could resemble")
    failed = [text for passed, text in parts if not passed]
    if failed:
        return Control(
            family,
            False,
            f"not specific: diversity resembles {like} no more than {own} ({failed[0]})",
        )
    return Control(family, True, f"passed, {'; '.join(text for _, text in parts)}")


def noise_reference(setup: Setup, options: Options) -> Control:
    """Pixel Vendi score of the strongest augmentation against the larger one of pure noise, at as many images."""
    own = setup.diversity.get(("pixels", "vendi_1"))
    noise = [setup.diversity[key] for key in (("pixels", name) for name in NOISE_SCORES) if key in setup.diversity]
    dose = setup.design.strongest(DIVERSITY)
    if own is None or not noise or dose is None:
        return Control("noise_reference", False, "missing: no pixel diversity, or none of pure noise, was measured")
    at = setup.design.rows[DIVERSITY, dose]
    share = float(own[at].mean() / max(each[at].mean() for each in noise))
    passed = share < SATURATED
    outcome = "passed" if passed else "failed, saturated"
    return Control("noise_reference", passed, f"{outcome}, {100 * share:.0f} % of the score of pure noise")


SATURATED = 0.9
"""Share of the score of pure noise from which a score can hardly rise."""


def real_add(setup: Setup, options: Options) -> Control:
    """Adding real images helps test accuracy no less than adding synthetic ones."""
    if "test" not in setup.outcomes:
        return Control("real_add", False, "missing: no test accuracy")
    for family in ("real_add", "synthetic_add"):
        why = missing(setup, family)
        if why:
            return Control("real_add", False, f"missing: {why}")
    design = setup.design
    effects = [design.effect(family, str(design.strongest(family))) for family in ("real_add", "synthetic_add")]
    found = contrast(design, setup.outcomes["test"], difference(*effects), options.level)
    if not np.isfinite(found.p):
        return Control("real_add", False, "no replicates")
    passed = bool(found.high >= 0)
    outcome = "passed" if passed else "failed, synthetic images help more"
    return Control("real_add", passed, f"{outcome} (real less synthetic {signed(100 * float(found.value), 1)} points)")


REPLACE = "synthetic_replace"


def judge_excess(setup: Setup, options: Options) -> Control:
    """Replacing by synthetic images against label noise, scaled to the images that the judge takes for another class.

    The excess is the judge's accuracy on the real training images less that on what replaced them.
    """
    if "test" not in setup.outcomes or "judge" not in setup.outcomes:
        return Control("judge_excess", False, "missing: no test accuracy, or no accuracy of the judge")
    design, judge = setup.all_conditions, setup.outcomes["judge"]
    for family in (REPLACE, "label_noise"):
        if design.strongest(family) is None:
            return Control("judge_excess", False, f"missing: {missing(setup, family)}")
    doses = {family: str(design.strongest(family)) for family in (REPLACE, "label_noise")}
    at = [design.rows[REPLACE, dose] for dose in (BASELINE, doses[REPLACE])]
    excess = float(judge[at[0]].mean() - judge[at[1]].mean())
    if not np.isfinite(excess):
        return Control("judge_excess", False, "missing: the judge saw no image of these runs")
    share = max(excess, 0.0) / design.numbers["label_noise", doses["label_noise"]]
    explained = design.effect("label_noise", doses["label_noise"], share)
    weights = difference(design.effect(REPLACE, doses[REPLACE]), explained)
    return _hurts_more("judge_excess", setup, weights, f"than wrong labels at {100 * max(excess, 0.0):.1f} %", options)


def resolution(setup: Setup, options: Options) -> Control:
    """Replacing by synthetic images against real images that went through the generator's resolution."""
    if setup.dataset not in options.coarse:
        return Control("resolution", True, "not needed, the generator's images are no smaller than the real ones")
    if "test" not in setup.outcomes:
        return Control("resolution", False, "missing: no test accuracy")
    design = setup.all_conditions
    for family in (REPLACE, "resolution"):
        if design.strongest(family) is None:
            return Control("resolution", False, f"missing: {missing(setup, family)}")
    effects = [design.effect(f, str(design.strongest(f))) for f in (REPLACE, "resolution")]
    return _hurts_more("resolution", setup, difference(*effects), "than the lower resolution alone", options)


def _hurts_more(name: str, setup: Setup, weights: Weights, than: str, options: Options) -> Control:
    """Destructive conditions take part: that they hurt is the question."""
    design, test = setup.all_conditions, setup.outcomes["test"]
    replaced = design.effect(REPLACE, str(design.strongest(REPLACE)))
    own, found = (contrast(design, test, each, options.level) for each in (replaced, weights))
    if not np.isfinite(found.p):
        return Control(name, False, "no replicates")
    if own.high >= 0:
        return Control(name, True, "not needed, replacing real images is not seen to hurt")
    passed = bool(found.high < 0)
    outcome = "passed, hurts more" if passed else "failed, not shown to hurt more"
    return Control(name, passed, f"{outcome} {than} (by {signed(-100 * float(found.value), 1)} points)")


NAMED: dict[str, Callable[[Setup, Options], Control]] = {
    "strongest_decay": strongest_decay,
    "duplicate": duplicate,
    "label_noise": lambda setup, options: specific(setup, "label_noise", options),
    "steps": lambda setup, options: specific(setup, "steps", options),
    "noise_reference": noise_reference,
    "real_add": real_add,
    "judge_excess": judge_excess,
    "resolution": resolution,
}


def of_claim(setup: Setup, claim: str, values: Mapping[str, Values], options: Options) -> list[Control]:
    """The controls that the config names for a claim; `values` [runs] by name are what its A/A control compares."""
    found = []
    for name in options.controls[claim]:
        if name != "a_a":
            found.append(NAMED[name](setup, options))
        elif not values:
            found.append(Control("a_a", False, "missing: its measure is not there"))
        else:
            found.append(a_a(setup, values, options))
    return found
