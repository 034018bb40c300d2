"""A claim over several setups (data sets x backbones).

A claim is supported (contradicted) overall if it is so in more than half of the setups, no setup says the opposite,
and the mean over setups does not lie on the other side of zero. That it is so in u of k setups is tested as a partial
conjunction, with the Bonferroni form that holds however setups depend (Benjamini & Heller 2008, section 2.2):
(k - u + 1) p_(u) < alpha for the u-th smallest p, where a setup without that verdict has p = 1.

The estimate is the mean over these setups where their tests are the same. Its interval adds the setups' half widths in
quadrature, which covers at least as often as theirs do (Banerjee 1960).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from weightscape.metrics.analysis.claims import c4_architectures
from weightscape.metrics.analysis.claims.claim import ClaimRow, sentence
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.verdicts import NAN, Verdict
from weightscape.words import number

ALL = "all"


def overall(rows: Sequence[ClaimRow], options: Options) -> list[ClaimRow]:
    """One row per claim over all setups, data set and backbone `all`."""
    joined = []
    for name in sorted({row.claim for row in rows}):
        of_setups = [row for row in rows if row.claim == name]
        row = of_setups[0] if len(of_setups) == 1 else together(of_setups, options.alpha)
        row = replace(row, dataset=ALL, backbone=ALL)
        is_c4 = name == c4_architectures.NAME
        joined.append(c4_architectures.over_setups(row, of_setups, options) if is_c4 else row)
    return joined


def together(rows: Sequence[ClaimRow], alpha: float) -> ClaimRow:
    """The row of a claim over its setups."""
    estimate, low, high = pooled(rows)
    verdict, p, reason = _verdict(rows, estimate, alpha)
    setups = "; ".join(f"{row.dataset}, {row.backbone}: {row.verdict}" for row in rows)
    row = replace(
        rows[0],
        test=f"{rows[0].test}, mean over setups",
        estimate=estimate,
        low=low,
        high=high,
        n=sum(row.n for row in rows),
        p=p,
        verdict=verdict,
        reason=sentence(f"{reason} ({setups})"),
        controls="see the rows of each data set and backbone",
        aside="",
    )
    return row if np.isfinite(estimate) else replace(row, test="verdicts of the setups", metric="", unit="")


def _verdict(rows: Sequence[ClaimRow], mean: float, alpha: float) -> tuple[Verdict, float, str]:
    """Verdict, its p (NaN while undecided) and reason."""
    decided = [row for row in rows if row.verdict is not Verdict.UNDECIDED]
    if not decided:
        return Verdict.UNDECIDED, NAN, "no setup has a verdict"
    verdict = decided[0].verdict
    if any(row.verdict is not verdict for row in decided):
        return Verdict.UNDECIDED, NAN, "data sets or backbones disagree"
    p, most = partial_conjunction([row.p for row in decided], len(rows)), len(rows) // 2 + 1
    count = f"{verdict} in {len(decided)} of {len(rows)} setups"
    if len(decided) < most:
        return Verdict.UNDECIDED, NAN, f"{count}, where more than half are needed"
    reason = f"{count}, p = {number(p, 2)} that it is so in {most}"
    if not p < alpha:
        return Verdict.UNDECIDED, NAN, reason
    signs = {float(np.sign(row.estimate)) for row in decided}
    if len(signs) == 1 and np.sign(mean) == -next(iter(signs)):
        return Verdict.UNDECIDED, NAN, f"{count}, but the mean over setups lies on the other side of zero"
    return verdict, p, reason


def partial_conjunction(p: Sequence[float], setups: int) -> float:
    """p of the claim in more than half of the setups, from the p of those with the verdict; the others have 1."""
    least = setups // 2 + 1
    ordered = sorted([*p, *[1.0] * (setups - len(p))])
    return min(1.0, (setups - least + 1) * ordered[least - 1])


def pooled(rows: Sequence[ClaimRow]) -> tuple[float, float, float]:
    """Mean estimate over setups with its interval; NaN if the setups' tests are not the same."""
    same = len({(row.test, row.metric, row.unit) for row in rows}) == 1
    if not same or not all(np.isfinite(row.estimate) for row in rows):
        return NAN, NAN, NAN
    mean = float(np.mean([row.estimate for row in rows]))
    halves = [max(row.high - row.estimate, row.estimate - row.low) for row in rows]
    half = float(np.linalg.norm(halves)) / len(rows)
    return mean, mean - half, mean + half
