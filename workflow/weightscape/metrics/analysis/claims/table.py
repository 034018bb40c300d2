"""The claims C1 to C9 in every setup, each with its controls; `across_setups` joins the setups."""

from collections.abc import Iterable
from dataclasses import replace

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
)
from weightscape.metrics.analysis.claims.claim import Claim, ClaimRow, Wording, claim_row
from weightscape.metrics.analysis.controls.table import controls
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest, Decision
from weightscape.words import condition

TESTED: dict[str, Claim] = {
    "C1": c1_sign,
    "C2": c2_pattern,
    "C3": c3_norms,
    "C5": c5_head,
    "C6": c6_diversity,
    "C7": c7_synthetic,
    "C8": c8_weighted_vendi,
    "C9": c9_calibration,
}
CLAIMS: dict[str, Wording] = dict(sorted({**TESTED, c4_architectures.NAME: c4_architectures}.items()))


def of_setup(
    setup: Setup, options: Options, names: Iterable[str] = TESTED
) -> tuple[list[ClaimRow], dict[str, list[ClaimTest]]]:
    """The rows of the claims in one setup, and their tests by claim.

    Verdicts are without the destructive conditions; the row's aside tells whether these matter.
    """
    rows: dict[str, ClaimRow] = {}
    tests: dict[str, list[ClaimTest]] = {}
    for name in names:
        row, decision = _decided(name, setup.only_kept(), options)
        if setup.destructive:
            row = replace(row, aside=_aside(row, _decided(name, setup.with_all(), options)[0], setup))
        rows[name], tests[name] = row, decision.tests
    if set(c4_architectures.PARTS) <= set(rows):
        rows[c4_architectures.NAME] = _joined(setup, [rows[name] for name in c4_architectures.PARTS], options)
    return [rows[name] for name in sorted(rows)], tests


def _decided(name: str, setup: Setup, options: Options) -> tuple[ClaimRow, Decision]:
    claim = TESTED[name]
    decision = claim.decide(setup, options)
    shown = controls(setup, options.controls[name], claim.compared(setup, options), options)
    return claim_row(setup, name, claim, decision, shown), decision


def _aside(row: ClaimRow, with_all: ClaimRow, setup: Setup) -> str:
    """The destructive conditions, and the verdict with them."""
    names = "; ".join(condition(*destructive) for destructive in setup.destructive)
    if with_all.verdict is row.verdict:
        return f"({names}): the same"
    reason = with_all.reason.rstrip(".")
    return f"({names}): {with_all.verdict} ({reason})"


def _joined(setup: Setup, parts: list[ClaimRow], options: Options) -> ClaimRow:
    """C4 in one setup, from the rows of C1 to C3."""
    decision = c4_architectures.decide(parts, options.alpha)
    row = claim_row(setup, c4_architectures.NAME, c4_architectures, decision, [])
    return replace(row, controls="; ".join(f"{part.claim}: {part.controls}" for part in parts))
