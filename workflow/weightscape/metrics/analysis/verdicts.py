"""Rows of the tables `tests` and `claims`: how a test becomes a verdict.

supported     Holm's p below alpha, with the sign that the claim states (or: the effect differs from zero)
contradicted  Holm's p below alpha, with the opposite sign
undecided     everything else; the reason says why
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from weightscape.metrics.analysis.contrasts import Estimate
from weightscape.metrics.analysis.design import Weights
from weightscape.metrics.analysis.holm import adjusted
from weightscape.metrics.analysis.setups import Setup
from weightscape.words import control as in_words
from weightscape.words import number

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NO_REPLICATES = "no replicates"
NO_VALUE = "no usable value in every run"
DIFFERS = "differs from zero"
Row = dict[str, Any]

NUMBERS = ("statistic", "estimate", "low", "high", "df", "p")


def row(
    setup: Setup, claim: str, test: str, *, expects: int = 0, decides: bool = True, says: str = "", **columns: Any
) -> Row:
    """A row of `tests` before Holm; `expects` is the sign that the claim states, 0 for any difference from zero.
    `says` is what a rejection means, where that is neither.

    Rows that do not decide a verdict are corrected among themselves, by test and scope.
    """
    blank = {"family": "", "dose": "", "metric": "", "scope": "hidden", "unit": "", "n": 0, "reason": ""}
    found = {
        "claim": claim,
        "dataset": setup.dataset,
        "backbone": setup.backbone,
        "test": test,
        **blank,
        **dict.fromkeys(NUMBERS, float("nan")),
        **columns,
    }
    return {**found, "_expects": expects, "_decides": decides, "_says": says}


def of_contrast(estimate: Estimate) -> Row:
    """The columns that an estimate fills."""
    return {
        "statistic": float(estimate.statistic),
        "estimate": float(estimate.value),
        "low": float(estimate.low),
        "high": float(estimate.high),
        "df": float(estimate.df),
        "p": float(estimate.p),
        "n": estimate.runs,
    }


def judged(rows: list[Row], alpha: float) -> list[Row]:
    """The rows of one claim and setup with p_holm, verdict and reason."""
    groups: dict[Any, list[Row]] = {}
    for each in rows:
        groups.setdefault(None if each["_decides"] else (each["test"], each["scope"]), []).append(each)
    for group in groups.values():
        for each, p in zip(group, adjusted([each["p"] for each in group]), strict=True):
            each["p_holm"] = p
            each["verdict"], each["reason"] = _verdict(each, alpha)
    return rows


def _verdict(each: Row, alpha: float) -> tuple[str, str]:
    note = each["reason"]
    if not np.isfinite(each["p_holm"]):
        return UNDECIDED, note or (NO_REPLICATES if np.isfinite(each["estimate"]) else NO_VALUE)
    if each["p_holm"] >= alpha:
        verdict, text = UNDECIDED, f"p = {number(each['p_holm'], 2)} after Holm"
    elif each["_expects"] and np.sign(each["estimate"]) != each["_expects"]:
        verdict, text = CONTRADICTED, "the sign is not as stated"
    else:
        verdict, text = SUPPORTED, each["_says"] or ("the sign is as stated" if each["_expects"] else DIFFERS)
    return verdict, f"{text}; {note}" if note else text


@dataclass(frozen=True)
class Control:
    """What a control showed."""

    name: str
    passed: bool
    outcome: str


@dataclass(frozen=True)
class Decision:
    """The verdict of one claim in one setup, the row that its estimate is taken from, and all its tests.

    `p` is the largest (Holm's) of the tests that the verdict rests on.
    """

    verdict: str
    reason: str
    leading: Row | None
    tests: list[Row] = field(default_factory=list)
    p: float = float("nan")


def undecided(reason: str, tests: Iterable[Row] = (), leading: Row | None = None) -> Decision:
    """No verdict."""
    return Decision(UNDECIDED, reason, leading, list(tests))


def claim_row(
    setup: Setup,
    claim: str,
    statement: str,
    rule: str,
    decision: Decision,
    controls: Sequence[Control],
    required: Sequence[str],
) -> Row:
    """The row of `claims`: a verdict stands only if every control that it needs was there and passed."""
    verdict, reason = decision.verdict, decision.reason
    failed = [control for control in controls if control.name in required and not control.passed]
    if verdict != UNDECIDED and failed:
        first = failed[0]
        special = first.outcome.startswith("not specific")
        why = first.outcome if special else f"control {in_words(first.name)}: {first.outcome}"
        verdict, reason = UNDECIDED, f"{why} (without its controls: {decision.verdict}; {reason})"
    lead: Mapping[str, Any] = decision.leading or {}
    return {
        "claim": claim,
        "statement": statement,
        "rule": rule,
        "dataset": setup.dataset,
        "backbone": setup.backbone,
        "test": lead.get("test", ""),
        "metric": lead.get("metric", ""),
        **{name: lead.get(name, float("nan")) for name in ("estimate", "low", "high")},
        "unit": lead.get("unit", ""),
        "n": int(lead.get("n", 0)),
        "p": decision.p if verdict != UNDECIDED else float("nan"),
        "verdict": verdict,
        "reason": sentence(reason),
        "controls": "; ".join(f"{in_words(control.name)}: {control.outcome}" for control in controls),
    }


def sentence(text: str) -> str:
    """The text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def effect_row(
    setup: Setup, claim: str, test: str, estimate: Estimate, weights: Weights, metric: str, unit: str, **more: Any
) -> Row:
    """A row from a contrast; `weights` names what it is made of where `more` does not."""
    names = [c for c, w in weights.items() if w > 0]
    family, dose = names[0] if len(names) == 1 else ("", "")
    return row(
        setup,
        claim,
        test,
        **{"family": family, "dose": dose, "metric": metric, "unit": unit, **of_contrast(estimate), **more},
    )
