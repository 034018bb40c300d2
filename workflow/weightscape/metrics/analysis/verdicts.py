"""The tests and controls of a claim, and how they become its verdict.

supported     p below alpha, with the sign that the claim states (or: the effect differs from zero)
contradicted  Holm's p below alpha, with the opposite sign
undecided     everything else; the reason tells why

A claim that needs all of its parts tests each at alpha (intersection-union test, Berger 1982), while any one of them
may contradict it, which Holm corrects for. Tests that do not decide are a family of their own, corrected for whatever
they find.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

import numpy as np

from weightscape.metrics.analysis.contrasts import NAN, Estimate, holm
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.words import family as in_words
from weightscape.words import metric as of_metric
from weightscape.words import number


class Verdict(StrEnum):
    """How a test or a claim came out."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Numbers:
    """The numbers of a test: NaN stands for what it lacks; `n` counts runs, conditions or training sets."""

    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    df: float = NAN
    statistic: float = NAN
    p: float = NAN
    n: int = 0

    @classmethod
    def of(cls, estimate: Estimate) -> "Numbers":
        """The numbers of one contrast."""
        arrays = (estimate.value, estimate.low, estimate.high, estimate.df, estimate.statistic, estimate.p)
        return cls(*map(float, arrays), n=estimate.runs)


@dataclass
class ClaimTest:
    """One test of a claim; `judge` fills in its last three fields.

    `expects` is the sign that the claim states, 0 for any difference from zero; `shows` is what a rejection means if it
    is neither. Tests that do not decide the verdict are corrected among themselves, by question and scope.
    """

    question: str
    metric: str
    unit: str
    numbers: Numbers = Numbers()
    family: str = ""
    dose: str = ""
    scope: str = "hidden"
    expects: int = 0
    decides: bool = True
    shows: str = ""
    note: Reason = NONE
    p_holm: float = NAN
    verdict: Verdict = Verdict.UNDECIDED
    reason: Reason = NONE

    def described(self) -> str:
        """The test in words; tests of data name what they measure themselves."""
        if self.scope == "data":
            return self.question
        family = in_words(self.family)
        is_named = self.question.startswith("diversity") or family in self.question
        of_family = f" of {family}" if family and not is_named else ""
        return f"{self.question}{of_family} on {of_metric(self.metric)}"

    def cells(self) -> dict[str, str | float | int]:
        """The columns of the table `tests` that the test fills."""
        names = ("family", "dose", "metric", "scope", "unit", "p_holm", "verdict")
        shared = {name: getattr(self, name) for name in names}
        return {"test": self.question, **vars(self.numbers), **shared, "reason": str(self.reason)}


def judge(tests: Iterable[ClaimTest], alpha: float) -> None:
    """Give the tests of one claim and setup their p_holm, verdict and reason."""
    groups: dict[Hashable, list[ClaimTest]] = {}
    for test in tests:
        groups.setdefault(None if test.decides else (test.question, test.scope), []).append(test)
    for group in groups.values():
        for test, p in zip(group, holm([test.numbers.p for test in group]), strict=True):
            test.p_holm = p
            test.verdict, test.reason = _verdict(test, alpha)


def _verdict(test: ClaimTest, alpha: float) -> tuple[Verdict, Reason]:
    estimate = test.numbers.estimate
    if not np.isfinite(test.p_holm):
        lacks = Lack.NO_REPLICATES.reason() if np.isfinite(estimate) else Lack.NO_VALUE.reason()
        return Verdict.UNDECIDED, test.note or lacks
    against = bool(test.expects) and np.sign(estimate) != test.expects
    corrected = against or not test.decides
    p = test.p_holm if corrected else test.numbers.p
    if p >= alpha:
        sign = "the sign is not as stated, " if against and test.numbers.p < alpha else ""
        verdict, text = Verdict.UNDECIDED, f"{sign}p = {number(p, 2)}{' after Holm' if corrected else ''}"
    elif against:
        verdict, text = Verdict.CONTRADICTED, "the sign is not as stated"
    else:
        stated = "the sign is as stated" if test.expects else "differs from zero"
        verdict, text = Verdict.SUPPORTED, test.shows or stated
    return verdict, test.note.within(f"{text}; ") if test.note else Reason(text)


@dataclass(frozen=True)
class Decision:
    """The verdict of one claim in one setup, the test that its estimate is taken from, and all its tests.

    `p` is the largest of the tests that the verdict rests on, or Holm's of the one that contradicts. `all_agree` tells
    that all tests must have one sign for any verdict, so that one against the claim contradicts nothing.
    """

    verdict: Verdict
    reason: Reason
    leading: ClaimTest | None
    tests: list[ClaimTest] = field(default_factory=list)
    p: float = NAN
    all_agree: bool = False


def undecided(reason: Reason, tests: Iterable[ClaimTest] = (), leading: ClaimTest | None = None) -> Decision:
    """No verdict."""
    return Decision(Verdict.UNDECIDED, reason, leading, list(tests))


def all_of(tests: list[ClaimTest], parts: Sequence[ClaimTest], leading: ClaimTest) -> Decision:
    """Supported if every part is, contradicted if any part is."""
    against = [test for test in parts if test.verdict is Verdict.CONTRADICTED]
    if against:
        reason = Reason(f"{against[0].described()}: the sign is not as stated")
        p = min(test.p_holm for test in against)
        return Decision(Verdict.CONTRADICTED, reason, against[0], tests, p)
    unclear = [test for test in parts if test.verdict is Verdict.UNDECIDED]
    if unclear:
        first = next((test for test in unclear if not np.isfinite(test.numbers.p)), unclear[0])  # as no runs mend it
        return undecided(first.reason.within(f"{first.described()}: "), tests, first)
    reason = Reason(f"all {len(parts)} parts have the stated sign" if len(parts) > 1 else "the sign is as stated")
    return Decision(Verdict.SUPPORTED, reason, leading, tests, max(test.numbers.p for test in parts))


class Status(Enum):
    """The outcome of a control; a verdict needs that it passed, or that it is not needed."""

    PASSED = auto()
    NOT_NEEDED = auto()
    FAILED = auto()
    NOT_SHOWN = auto()
    NO_REPLICATES = auto()
    NOT_SPECIFIC = auto()
    NOT_LIMITED = auto()
    MISSING = auto()


@dataclass(frozen=True)
class Control:
    """A control's status, its outcome in words, and what it lacks if it could not be made."""

    status: Status
    outcome: str
    lacks: str = ""

    @property
    def allows_verdict(self) -> bool:
        """Whether a verdict may stand."""
        return self.status in (Status.PASSED, Status.NOT_NEEDED)


def lacking(why: Reason | str) -> Control:
    """A control that could not be made."""
    return Control(Status.MISSING, f"missing: {why}", str(why))


def untested(*estimates: Estimate) -> Control:
    """A control whose estimates have no p, for want of a value or of a second run."""
    if all(np.isfinite(estimate.value) for estimate in estimates):
        return Control(Status.NO_REPLICATES, Lack.NO_REPLICATES.text)
    return lacking(Lack.NO_VALUE.text)


def judged(passed: bool, outcome: str) -> Control:
    """A control that passed or failed."""
    return Control(Status.PASSED if passed else Status.FAILED, outcome)
