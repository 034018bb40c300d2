"""C11: of augmentation policies, the most diverse one that a judge accepts helps robustness more than others.

Each half of the seeds chooses for the other, so that no run is compared that took part in the choice. The rule and the
study `workflow/studies/policies.yaml` were fixed before its runs.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from weightscape.families import DIVERSITY, POOL
from weightscape.metrics.analysis.choices import MEASURE, log_scores
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.controls import table as controls
from weightscape.metrics.analysis.design import Condition, Design, Weights, average, difference
from weightscape.metrics.analysis.destructive import LEAST_JUDGED, ROUNDING
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, all_of, judge, undecided

STATEMENT = "Of many augmentation policies, the most diverse one that a judge accepts helps OOD accuracy most."
RULE = (
    "supported if the policy of augment with the largest ln Vendi (order 1, pre-trained embedding) on one half of the "
    "seeds, among those whose images the judge recognises there at analyse.judge_floor times its own rate, gives on "
    "the other half higher OOD accuracy than the mean policy and than the one with the largest number, averaged over "
    "both halves; contradicted if lower than one of them"
)
COUNTS = "runs"
NEEDS = (DIVERSITY,)
OUTCOME = "ood"
LEAST_POLICIES = 8
"""Doses of augment of which a study asks the claim."""
LEAST_RUNS = 4
"""Runs of a policy that have halves with a spread."""
OUTCOMES = {OUTCOME: ("OOD accuracy", "share"), "ood_loss": ("OOD loss", "nats"), "test": ("test accuracy", "share")}
"""Name and unit of what is tested; the first decides."""
HALVES = ("first", "second")
compared = controls.outcomes(OUTCOME, "ood_loss")


@dataclass(frozen=True)
class _Choice:
    """The policy that the other half chooses for the runs of `half`, and the ones that the judge accepts there."""

    half: str
    chosen: str
    accepted: tuple[str, ...]

    def less(self, policies: Collection[str]) -> Weights:
        """The weights of the chosen policy less the mean of some, on the runs of this half."""
        mean = average([{_of_half(policy, self.half): 1.0} for policy in policies])
        return difference({_of_half(self.chosen, self.half): 1.0}, mean)


def decide(setup: Setup, options: Options) -> Decision:
    """The verdict from two contrasts of OOD accuracy of the chosen policy."""
    why = _lacks(setup, options)
    if why:
        return undecided(why)
    choices = [_choice(setup, options, half) for half in HALVES]
    if not all(choice.accepted for choice in choices):
        return undecided(Reason("the judge accepts no policy"))
    halved = replace(setup, design=_halved(setup.design))
    policies = setup.design.doses(DIVERSITY)
    against = {
        "mean policy": average([choice.less(policies) for choice in choices]),
        "strongest policy": average([choice.less(policies[-1:]) for choice in choices]),
    }
    beside = {
        "mean accepted policy": average([choice.less(choice.accepted) for choice in choices]),
        "strongest accepted policy": average([choice.less(choice.accepted[-1:]) for choice in choices]),
    }
    names = ", ".join(dict.fromkeys(choice.chosen for choice in choices))
    parts = [_test(halved, options, OUTCOME, *item) for item in against.items()]
    further = [_test(halved, options, OUTCOME, *item) for item in beside.items()]
    others = [name for name in OUTCOMES if name in setup.outcomes and name != OUTCOME]
    further += [_test(halved, options, name, *item) for name in others for item in (against | beside).items()]
    for test in (*parts, *further):
        test.family, test.dose, test.decides = DIVERSITY, names, test in parts
        test.expects = int(test.decides)
    tests = [*parts, *further]
    judge(tests, options.alpha)
    return all_of(tests, parts, parts[0])


def _lacks(setup: Setup, options: Options) -> Reason:
    """Why nothing can be chosen or compared; none if it can."""
    design, judged = setup.design, setup.outcomes.get("judge")
    policies = design.doses(DIVERSITY)
    if len(policies) < LEAST_POLICIES:
        return Reason(f"augment has {len(policies)} policies, where {LEAST_POLICIES} are needed")
    few = min(len(design.rows[DIVERSITY, policy]) for policy in policies)
    if few < LEAST_RUNS:
        return Reason(f"n: halves need {LEAST_RUNS} runs of each policy, and there are {few}")
    if OUTCOME not in setup.outcomes:
        return Reason("no set is out of distribution for every family")
    if _space(setup, options) is None:
        return Lack.NOT_MEASURED.reason(what="diversity in the embedding of a pre-trained network")
    if judged is None or not np.mean(judged[design.rows[POOL]]) >= LEAST_JUDGED:
        return Reason("there is no judge that recognises unchanged images")
    return NONE


def _space(setup: Setup, options: Options) -> str | None:
    """The network's own embedding, or the first one that was measured, of those that are pre-trained."""
    spaces = [space for space, measure in setup.diversity if measure == MEASURE and space != "pixels"]
    trained = [space for space in spaces if space not in options.scratch]
    return setup.backbone if setup.backbone in trained else next(iter(trained), None)


def _choice(setup: Setup, options: Options, half: str) -> _Choice:
    """The choice that the runs of the other half make, which sees no outcome of training."""
    other = HALVES[1 - HALVES.index(half)]
    design, judged = _halved(setup.design), setup.outcomes["judge"]
    scores = log_scores(setup, str(_space(setup, options)))
    assert scores is not None
    least = options.judge_floor * float(judged[setup.design.rows[POOL]].mean()) - ROUNDING
    policies = setup.design.doses(DIVERSITY)
    rows = {policy: design.rows[_of_half(policy, other)] for policy in policies}
    accepted = tuple(policy for policy in policies if judged[rows[policy]].mean() >= least)
    means = {policy: float(scores[rows[policy]].mean()) for policy in accepted}
    return _Choice(half, max(means, key=means.__getitem__, default=""), accepted)


def _of_half(policy: str, half: str) -> Condition:
    return f"{DIVERSITY}, {half} half", policy


def _halved(design: Design) -> Design:
    """The design in which the first and the second half of each policy's runs are conditions of their own."""
    rows = {condition: at for condition, at in design.rows.items() if condition[0] != DIVERSITY}
    for policy in design.doses(DIVERSITY):
        at = design.rows[DIVERSITY, policy]
        for half, part in zip(HALVES, (at[: len(at) // 2], at[len(at) // 2 :]), strict=True):
            rows[_of_half(policy, half)] = part
    return replace(design, rows=rows)


def _test(setup: Setup, options: Options, outcome: str, question: str, weights: Weights) -> ClaimTest:
    """One contrast; without numbers where the chosen policy is compared with itself."""
    metric, unit = OUTCOMES[outcome]
    test = ClaimTest(f"chosen less {question}", metric, unit, scope="outcome")
    if any(weights.values()):
        test.numbers = Numbers.of(contrast(setup.design, setup.outcomes[outcome], weights, options.level))
    else:
        test.note = Reason(f"the chosen policy is the {question}")
    return test
