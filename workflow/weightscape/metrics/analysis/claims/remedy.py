"""Tells what would decide a claim that is undecided: so many more runs, or a change of the design.

Runs are counted for 80 % power at the observed effect, as if its standard error were known and the pool of baseline
runs grew with the conditions: n (z_(1 - alpha / 2) + z_.8)^2 / t^2, with the t of the test's p. An effect that was seen
once is as likely too large as too small, so that this is a guide and no promise. Where all parts have the stated sign,
the weakest of them counts; where one has not, more runs can only contradict, and the nearest to that counts.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from weightscape.families import BASELINE
from weightscape.metrics.analysis.reasons import Lack
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Control, Decision, Status, Verdict
from weightscape.words import control as in_words

POWER, MOST_RUNS = 0.8, 1000
OTHER_DESIGN = "not more runs, since the parts point to different sides: another design"
FAILED = {
    "regime": "fewer training images, so that further real ones help",
    "a_a": "another set of seeds, and if its baseline halves differ too, a search for what differs between them",
    "strongest_decay": "a stronger weight decay, or more runs",
    "duplicate": "another primary metric, as duplicates act like diversity on this one",
    "noise_reference": "weaker doses, whose pixels are less like noise",
    "real_add": "a search for what synthetic images know that real ones do not, such as copies of test images",
    "judge_excess": "more runs, or a generator whose images the judge takes for the right class",
    "resolution": "more runs, or a generator at the resolution of the real images",
}
"""By control, what to change where it has failed."""


def remedy(setup: Setup, decision: Decision, controls: Mapping[str, Control], has_runs: bool, alpha: float) -> str:
    """Tells what would decide the claim, in one clause; empty if it has a verdict. `has_runs`: its tests count runs."""
    parts = [_of_control(name, each) for name, each in controls.items() if not each.allows_verdict]
    if decision.verdict is Verdict.UNDECIDED:
        parts.append(_of_tests(setup, decision, has_runs, alpha))
    return "; ".join(dict.fromkeys(parts))


def _of_control(name: str, control: Control) -> str:
    if control.status is Status.MISSING:
        return f"what control {in_words(name)} lacks ({control.lacks})"
    if control.status is Status.NO_REPLICATES:
        return Lack.NO_REPLICATES.remedy
    if control.status is Status.NOT_SHOWN:
        return (
            "a larger share of duplicates, or more runs" if name == "duplicate" else f"more runs for {in_words(name)}"
        )
    return FAILED.get(name, f"a design in which control {in_words(name)} passes")


def _of_tests(setup: Setup, decision: Decision, has_runs: bool, alpha: float) -> str:
    """The runs that the deciding tests need at what was seen, or what the claim's reason asks for."""
    asked = decision.reason.lack.remedy if decision.reason.lack else ""
    deciding = [test for test in decision.tests if test.decides]
    unclear = [test for test in deciding if not test.numbers.p < alpha]
    if any(not np.isfinite(test.numbers.p) for test in unclear) or not decision.tests:
        return asked or "what its reason names"
    against = [test for test in deciding if test.expects and np.sign(test.numbers.estimate) == -test.expects]
    if decision.all_agree and 0 < len(against) < len(deciding):
        return OTHER_DESIGN
    if not unclear and (asked or not against):
        return asked or OTHER_DESIGN
    if not has_runs:
        return asked or "doses, families or data sets that differ more"
    there = max((len(at) for (family, _), at in setup.design.rows.items() if family != BASELINE), default=0)
    if against and not decision.all_agree:
        count = min(_to_contradict(test, deciding, there, alpha) for test in against)
    else:
        count = max(needed(test, there, alpha) for test in unclear)
    power = f"{round(100 * POWER)} % power at this effect"
    if count >= MOST_RUNS:
        return f"not more runs ({power} needs more than {MOST_RUNS} of each condition): stronger doses, another design"
    return f"about {count} runs of each condition, where there are {there} ({power})"


def _to_contradict(test: ClaimTest, deciding: Sequence[ClaimTest], there: int, alpha: float) -> int:
    """The runs that Holm's correction needs: of this test and of those before it, each at its own level."""
    order = sorted((each for each in deciding if np.isfinite(each.numbers.p)), key=lambda each: each.numbers.p)
    first = order[: order.index(test) + 1]
    return max(needed(each, there, alpha / (len(order) - place)) for place, each in enumerate(first))


def needed(test: ClaimTest, there: int, alpha: float) -> int:
    """The runs of each condition with which the test has 80 % power at its effect, `MOST_RUNS` at most."""
    numbers = test.numbers
    finite = np.isfinite(numbers.df) and numbers.df > 0
    t = -float(stdtrit(numbers.df, numbers.p / 2) if finite else ndtri(numbers.p / 2))
    detected = float(ndtri(1 - alpha / 2) + ndtri(POWER))
    if t <= 0:
        return MOST_RUNS
    return max(there + 1, math.ceil(min(there * (detected / t) ** 2, MOST_RUNS)))
