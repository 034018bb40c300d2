"""The claims in every setup (data set x backbone), each with its controls, and over all setups.

A claim is supported (contradicted) overall if it is so in more than half of the setups, no setup has the opposite
verdict, and the mean over setups does not lie on the other side of zero. That it is so in u of k setups is tested as a
partial conjunction, with the Bonferroni form that holds however setups depend (Benjamini & Heller 2008, section 2.2):
(k - u + 1) p_(u) < alpha for the u-th smallest p, where a setup without that verdict has p = 1.

The estimate is the mean over these setups where their tests are the same. Its interval adds the setups' half widths in
quadrature, which covers at least as often as theirs do (Banerjee 1960).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from weightscape.families import DIVERSITY, DRAWING_FAMILIES, POOL, SYNTHETIC_FAMILIES
from weightscape.metrics.analysis.claims import (
    c1_sign,
    c2_pattern,
    c3_norms,
    c4_architectures,
    c5_head,
    c6_diversity,
    c7_synthetic,
    c8_weighted_vendi,
    c9_calibration,
    c10_choice,
    c11_policy,
)
from weightscape.metrics.analysis.claims.claim import Claim, ClaimRow, Wording, claim_row, sentence
from weightscape.metrics.analysis.claims.remedy import remedy
from weightscape.metrics.analysis.contrasts import NAN
from weightscape.metrics.analysis.controls.table import controls
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.reasons import NONE, Lack, Reason
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision, Verdict, undecided
from weightscape.words import condition, number

ALL = "all"
LEAST_POOL = 12
DISAGREE = "not more runs, as data sets or backbones disagree: a narrower claim, about those where it holds"
TESTED: dict[str, Claim] = {
    "C1": c1_sign,
    "C2": c2_pattern,
    "C3": c3_norms,
    "C5": c5_head,
    "C6": c6_diversity,
    "C7": c7_synthetic,
    "C8": c8_weighted_vendi,
    "C9": c9_calibration,
    "C10": c10_choice,
    "C11": c11_policy,
}
ABOUT_HARM = {"C7": SYNTHETIC_FAMILIES, "C10": DRAWING_FAMILIES, "C11": (DIVERSITY,)}
"""Families whose harm a claim is about, so that it looks at their destructive doses too."""
CLAIMS: dict[str, Wording] = {
    name: c4_architectures if name == c4_architectures.NAME else TESTED[name]
    for name in (f"C{number}" for number in range(1, len(TESTED) + 2))
}


def in_order(names: Iterable[str]) -> list[str]:
    """Names of claims by their numbers."""
    chosen = set(names)
    return [name for name in CLAIMS if name in chosen]


def asked(has_choices: bool, policies: int) -> list[str]:
    """The claims that a study asks: C10 if some condition chooses its images, C11 if augment has many policies."""
    only_if = {"C10": has_choices, "C11": policies >= c11_policy.LEAST_POLICIES}
    return [name for name in CLAIMS if only_if.get(name, True)]


def of_setup(
    setup: Setup, options: Options, names: Iterable[str] | None = None
) -> tuple[list[ClaimRow], dict[str, list[ClaimTest]]]:
    """The rows of the claims in one setup, and their tests by claim.

    Verdicts are without the destructive conditions, but for those whose harm the claim is about; the row's aside tells
    whether the others matter.
    """
    rows: dict[str, ClaimRow] = {}
    tests: dict[str, list[ClaimTest]] = {}
    policies = len(setup.all_conditions.doses(DIVERSITY))
    every = [name for name in asked(bool(options.chosen), policies) if name in TESTED]
    for name in every if names is None else names:
        whole = ABOUT_HARM.get(name, ())
        row, decision = _decided(name, setup.only_kept(whole), options)
        if gone := setup.left_out(whole):
            with_all = _decided(name, replace(setup, destructive=()), options)[0]
            row = replace(row, aside=_aside(row, with_all, gone))
        rows[name], tests[name] = row, decision.tests
    if set(c4_architectures.PARTS) <= set(rows):
        rows[c4_architectures.NAME] = _joined(setup, [rows[name] for name in c4_architectures.PARTS], options)
    return [rows[name] for name in in_order(rows)], tests


def least_pool(runs: int) -> int:
    """The baseline runs that claims need: 12, or three times the runs of a condition if these are fewer."""
    return min(LEAST_POOL, 3 * runs)


def _few(setup: Setup) -> Reason:
    """Why the pool of baseline runs is too small for a verdict; none if it is not, or if families have their own."""
    sizes = {condition: len(at) for condition, at in setup.all_conditions.rows.items()}
    pool = sizes.pop(POOL, None)
    least = least_pool(max(sizes.values(), default=1))
    if pool is None or pool >= least:
        return NONE
    return Lack.FEW_BASELINES.reason(runs=f"{pool} {'run' if pool == 1 else 'runs'}", least=least)


def _decided(name: str, setup: Setup, options: Options) -> tuple[ClaimRow, Decision]:
    claim = TESTED[name]
    why = setup.absent(claim.NEEDS) or _few(setup)
    decision = undecided(why) if why else claim.decide(setup, options)
    shown = controls(setup, options.controls[name], claim.compared(setup, options), options)
    row = claim_row(setup, name, claim, decision, shown)
    if row.verdict is not Verdict.UNDECIDED:
        return row, decision
    decide = remedy(setup, decision, shown, claim.COUNTS == "runs", options.alpha)
    return replace(row, decide=decide), decision


def _aside(row: ClaimRow, with_all: ClaimRow, gone: Sequence[Condition]) -> str:
    """One sentence: the verdict with the destructive conditions that were left out, which it names."""
    names = "; ".join(condition(*destructive) for destructive in gone)
    is_same = with_all.verdict is row.verdict
    outcome = "the same" if is_same else f"{with_all.verdict} ({with_all.reason.rstrip('.')})"
    return f"With the destructive conditions ({names}) included, the verdict is {outcome}."


def _joined(setup: Setup, parts: list[ClaimRow], options: Options) -> ClaimRow:
    decision = c4_architectures.decide(parts, options.alpha)
    row = claim_row(setup, c4_architectures.NAME, c4_architectures, decision, {})
    decide = "; ".join(f"{part.claim}: {part.decide}" for part in parts if part.decide)
    decide = decide if row.verdict is Verdict.UNDECIDED else ""
    return replace(row, controls="; ".join(f"{part.claim}: {part.controls}" for part in parts), decide=decide)


def overall(rows: Sequence[ClaimRow], options: Options) -> list[ClaimRow]:
    """One row per claim over all setups, data set and backbone `all`."""
    joined = []
    for name in in_order({row.claim for row in rows}):
        of_setups = [row for row in rows if row.claim == name]
        row = of_setups[0] if len(of_setups) == 1 else together(of_setups, options.alpha)
        row = replace(row, dataset=ALL, backbone=ALL)
        if name == c4_architectures.NAME:
            row = c4_architectures.over_setups(replace(row, decide=_decide(of_setups)), of_setups, options)
        joined.append(row)
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
        decide=_decide(rows) if verdict is Verdict.UNDECIDED else "",
    )
    return row if np.isfinite(estimate) else replace(row, test="verdicts of the setups", metric="", unit="")


def _decide(rows: Sequence[ClaimRow]) -> str:
    """Names what would decide a claim over setups: what open setups lack; nothing does if the others disagree."""
    if len({row.verdict for row in rows} - {Verdict.UNDECIDED}) > 1:
        return DISAGREE
    open_rows = [row for row in rows if row.verdict is Verdict.UNDECIDED and row.decide]
    if not open_rows:
        return "further data sets or backbones, as those that there are are too few"
    return "; ".join(f"{row.dataset}, {row.backbone}: {row.decide}" for row in open_rows)


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
