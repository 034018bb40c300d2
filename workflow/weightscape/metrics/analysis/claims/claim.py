"""A claim: what its file holds, and its row in the table `claims`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.reasons import Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Control, Decision, Status, Verdict
from weightscape.words import control as in_words


class Wording(Protocol):
    """The texts of a claim's module: its statement, the rule of its verdict, and what the n of its tests counts."""

    @property
    def STATEMENT(self) -> str: ...

    @property
    def RULE(self) -> str: ...

    @property
    def COUNTS(self) -> str: ...


class Claim(Wording, Protocol):
    """The module of a claim that is decided by tests of its own, and needs a baseline and doses of some families."""

    @property
    def NEEDS(self) -> tuple[str, ...]: ...

    def compared(self, setup: Setup, options: Options, /) -> Mapping[str, Values]:
        """The measures [runs] by name that the claim's A/A control compares; empty if they were not measured."""
        ...

    def decide(self, setup: Setup, options: Options) -> Decision:
        """The tests of the claim in one setup, and its verdict."""
        ...


@dataclass(frozen=True)
class ClaimRow:
    """A claim in one setup, or over all: a row of the table `claims`.

    `aside` tells what the verdict would be with the destructive conditions; empty if there are none. `decide` tells
    what would decide an undecided claim.
    """

    claim: str
    statement: str
    rule: str
    dataset: str
    backbone: str
    test: str
    metric: str
    estimate: float
    low: float
    high: float
    unit: str
    n: int
    p: float
    verdict: Verdict
    reason: str
    controls: str
    aside: str = ""
    decide: str = ""


def sentence(text: str) -> str:
    """The text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def claim_row(
    setup: Setup, name: str, wording: Wording, decision: Decision, controls: Mapping[str, Control]
) -> ClaimRow:
    """The row of a claim in one setup: its verdict stands only if each of its controls was there and passed."""
    verdict, reason = decision.verdict, decision.reason
    unlimited = next((control for control in controls.values() if control.status is Status.NOT_LIMITED), None)
    failed = next((name for name, control in controls.items() if not control.allows_verdict), None)
    if verdict is not Verdict.UNDECIDED and failed is not None:
        first = controls[failed]
        is_own_sentence = first.status in (Status.NOT_SPECIFIC, Status.NOT_LIMITED)
        why = first.outcome if is_own_sentence else f"control {in_words(failed)}: {first.outcome}"
        verdict, reason = Verdict.UNDECIDED, Reason(f"{why} (without its controls: {decision.verdict}; {reason})")
    elif verdict is Verdict.UNDECIDED and unlimited is not None:
        reason = reason.within(f"{unlimited.outcome}; ")
    leading = decision.leading or ClaimTest("", "", "")
    return ClaimRow(
        claim=name,
        statement=wording.STATEMENT,
        rule=wording.RULE,
        dataset=setup.dataset,
        backbone=setup.backbone,
        test=leading.question,
        metric=leading.metric,
        estimate=leading.numbers.estimate,
        low=leading.numbers.low,
        high=leading.numbers.high,
        unit=leading.unit,
        n=leading.numbers.n,
        p=decision.p if verdict is not Verdict.UNDECIDED else float("nan"),
        verdict=verdict,
        reason=sentence(str(reason)),
        controls="; ".join(f"{in_words(name)}: {control.outcome}" for name, control in controls.items()),
    )
