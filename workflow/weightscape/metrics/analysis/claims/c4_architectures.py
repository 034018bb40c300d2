"""C4: the pattern of C1 to C3 holds over architectures, pre-trained and from scratch.

C4 is that C1 to C3 hold in every setup (no correction: an intersection-union test). It is contradicted if one of them
is in one setup, Bonferroni over all, and needs backbones of both kinds, pre-trained and from scratch.
"""

from collections.abc import Sequence
from dataclasses import replace

from weightscape.metrics.analysis.claims.claim import ClaimRow, sentence
from weightscape.metrics.analysis.reasons import Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Numbers, Verdict

STATEMENT = "Claims C1 to C3 hold over architectures, pre-trained and from scratch."
RULE = (
    "supported if C1, C2 and C3 are; contradicted if one of them is, with its p times three below alpha. Overall, "
    "supported if it is in every data set and backbone, contradicted if in one, with p times their number; undecided "
    "without a pre-trained backbone and one from scratch"
)
COUNTS = "runs"
NAME = "C4"
PARTS = ("C1", "C2", "C3")


def decide(parts: Sequence[ClaimRow], alpha: float) -> Decision:
    """The verdict in one setup, from the rows of C1 to C3."""
    verdict, p = pattern(parts, alpha)
    reason = ", ".join(f"{part.claim} {part.verdict}" for part in parts)
    leading = ClaimTest("C1 to C3 together", "", "", Numbers(n=max(part.n for part in parts)))
    return Decision(verdict, Reason(reason), leading, p=p)


def pattern(parts: Sequence[ClaimRow], alpha: float) -> tuple[Verdict, float]:
    """The verdict in one setup and its p: supported if C1 to C3 are, contradicted if one is (Bonferroni)."""
    if all(part.verdict is Verdict.SUPPORTED for part in parts):
        return Verdict.SUPPORTED, max(part.p for part in parts)
    p = _contradiction(parts)
    return (Verdict.CONTRADICTED, p) if p < alpha else (Verdict.UNDECIDED, float("nan"))


def _contradiction(rows: Sequence[ClaimRow]) -> float:
    """The p of one of the rows being contradicted, Bonferroni over all; 1 if none is."""
    against = [row.p for row in rows if row.verdict is Verdict.CONTRADICTED]
    return len(rows) * min(against) if against else 1.0


def over_setups(joined: ClaimRow, rows: Sequence[ClaimRow], options: Options) -> ClaimRow:
    """The overall row with the verdict, p and reason of C4 over its setups, from their rows."""
    backbones = {row.backbone for row in rows}
    scratch = backbones & set(options.scratch)
    reason = "; ".join(f"{row.dataset}, {row.backbone}: {row.reason.rstrip('.')}" for row in rows)
    lacks = [
        *(["has one backbone"] if len(backbones) < 2 else []),
        *(["has no backbone from scratch"] if not scratch else []),
        *(["has no pre-trained backbone"] if not backbones - scratch else []),
    ]
    verdict, p = Verdict.UNDECIDED, float("nan")
    if lacks:
        reason = f"the study {' and '.join(lacks)} ({reason})"
    elif _contradiction(rows) < options.alpha:
        verdict, p = Verdict.CONTRADICTED, _contradiction(rows)
    elif all(row.verdict is Verdict.SUPPORTED for row in rows):
        verdict, p = Verdict.SUPPORTED, max(row.p for row in rows)
    decide = f"a study that does not lack this: {' and '.join(lacks)}" if lacks else joined.decide
    decide = decide if verdict is Verdict.UNDECIDED else ""
    return replace(joined, verdict=verdict, p=p, reason=sentence(reason), decide=decide)
