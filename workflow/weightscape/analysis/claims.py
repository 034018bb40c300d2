"""The claims table: C1 to C9 in every setup and overall, each with its controls.

Overall, a claim is supported (contradicted) if it is so in every setup that has a verdict and in at least one;
setups that disagree leave it undecided. C4 needs two backbones.
"""

from collections.abc import Callable, Iterable

import numpy as np

from weightscape.analysis import controls, outcome_claims, pattern_claim, spectral_claims
from weightscape.analysis.intervals import Values
from weightscape.analysis.options import Options
from weightscape.analysis.rows import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Decision,
    Row,
    claim_row,
    sentence,
)
from weightscape.analysis.setups import Setup

STATEMENTS = {
    "C1": "Diversity shifts the spectra with the sign that regularisers do.",
    "C2": "The pattern of diversity is nearer to dropout's than to weight decay's.",
    "C3": "Weight decay differs by shrinking norms, in hidden layers.",
    "C4": "This holds over architectures, pre-trained and from scratch.",
    "C5": "The head carries the largest change under diversity and dropout.",
    "C6": "Pixel diversity rises and embedding diversity falls as augmentation strengthens.",
    "C7": "Real and synthetic together beat replacing; all-synthetic hurts; diversity helps OOD most.",
    "C8": "The weighted Vendi score explains accuracy for augmentation and synthetic data alike.",
    "C9": "Calibration improves with diversity and curvature falls.",
}
Test = Callable[[Setup, Options], Decision]
TESTS: dict[str, Test] = {
    "C1": spectral_claims.sign,
    "C2": pattern_claim.alike,
    "C3": spectral_claims.norms,
    "C5": spectral_claims.head,
    "C6": outcome_claims.scores,
    "C7": outcome_claims.synthetic,
    "C8": outcome_claims.explained,
    "C9": outcome_claims.calibration,
}
PATTERN = ("C1", "C2", "C3")
ALL = "all"


def of_setup(setup: Setup, options: Options, names: Iterable[str] = TESTS) -> tuple[list[Row], list[Row]]:
    """Rows of `claims` and `tests` of one setup; verdicts without destructive conditions, the reason says if they
    matter."""
    claims, tests = [], []
    for name in names:
        made = _decided(name, setup.only_kept(), options)
        claim, decision = made
        if setup.destructive:
            claim["reason"] = _with_destructive(claim, _decided(name, setup.with_all(), options)[0], setup)
        claims.append(claim)
        tests += [{key: value for key, value in each.items() if not key.startswith("_")} for each in decision.tests]
    if set(PATTERN) <= {claim["claim"] for claim in claims}:
        claims.append(_pattern(setup, [claim for claim in claims if claim["claim"] in PATTERN]))
    return sorted(claims, key=lambda claim: claim["claim"]), tests


def _decided(name: str, setup: Setup, options: Options) -> tuple[Row, Decision]:
    decision = TESTS[name](setup, options)
    found = controls.of_claim(setup, name, _compared(name, setup, options), options)
    return claim_row(setup, name, STATEMENTS[name], decision, found, options.controls[name]), decision


def _compared(name: str, setup: Setup, options: Options) -> Values | None:
    """What the A/A control of a claim compares, per run."""
    outcome = {"C7": "test", "C8": "ood", "C9": "ece"}.get(name)
    if outcome:
        return setup.outcomes.get(outcome)
    layers = setup.metrics[options.primary]
    return layers.head if name == "C5" else layers.mean()


def _with_destructive(claim: Row, other: Row, setup: Setup) -> str:
    names = ", ".join("/".join(condition) for condition in setup.destructive)
    same = other["verdict"] == claim["verdict"]
    what = "the same" if same else f"{other['verdict']} ({other['reason'].rstrip('.')})"
    return sentence(f"{claim['reason'].rstrip('.')}; with the destructive conditions ({names}): {what}")


def _pattern(setup: Setup, parts: list[Row]) -> Row:
    """C4 in one setup: what C1 to C3 came to."""
    verdict = _joint([part["verdict"] for part in parts])
    text = ", ".join(f"{part['claim']} {part['verdict']}" for part in parts)
    decision = Decision(verdict, text, {"test": "C1 to C3 together", "n": max(part["n"] for part in parts)})
    return claim_row(setup, "C4", STATEMENTS["C4"], decision, [], ())


def _joint(verdicts: list[str]) -> str:
    """Supported if all are; contradicted if any is."""
    if all(verdict == SUPPORTED for verdict in verdicts):
        return SUPPORTED
    return CONTRADICTED if CONTRADICTED in verdicts else UNDECIDED


def overall(rows: list[Row]) -> list[Row]:
    """One row per claim over all setups, data set and backbone `all`."""
    found = []
    for name, statement in STATEMENTS.items():
        own = [each for each in rows if each["claim"] == name]
        if not own:
            continue
        found.append(_architectures(own) if name == "C4" else _together(own, statement))
    return found


def _together(own: list[Row], statement: str) -> Row:
    clear = {each["verdict"] for each in own} - {UNDECIDED}
    if len(own) == 1:
        return {**own[0], "dataset": ALL, "backbone": ALL}
    places = "; ".join(f"{each['dataset']}, {each['backbone']}: {each['verdict']}" for each in own)
    verdict = clear.pop() if len(clear) == 1 else UNDECIDED
    reason = f"data sets or backbones disagree ({places})" if clear else places
    one = {(each["test"], each["metric"], each["unit"]) for each in own}
    comparable = len(one) == 1 and all(np.isfinite(each["estimate"]) for each in own)
    halves = [(each["high"] - each["low"]) / 2 for each in own]
    mean = float(np.mean([each["estimate"] for each in own])) if comparable else float("nan")
    half = float(np.sqrt(np.sum(np.square(halves))) / len(own)) if comparable else float("nan")
    return {
        **own[0],
        "statement": statement,
        "dataset": ALL,
        "backbone": ALL,
        "test": f"{own[0]['test']}, mean over setups" if comparable else "verdicts of the setups",
        **({} if comparable else {"metric": "", "unit": ""}),
        "estimate": mean,
        "low": mean - half,
        "high": mean + half,
        "n": sum(each["n"] for each in own),
        "verdict": verdict,
        "reason": sentence(reason),
        "controls": "see the rows of each data set and backbone",
    }


def _architectures(own: list[Row]) -> Row:
    """C4: over at least two backbones, C1 to C3 hold in each."""
    backbones = sorted({each["backbone"] for each in own})
    places = "; ".join(f"{each['dataset']}, {each['backbone']}: {each['reason'].rstrip('.')}" for each in own)
    base = {**own[0], "dataset": ALL, "backbone": ALL, "n": sum(each["n"] for each in own)}
    if len(backbones) < 2:
        verdict, reason = UNDECIDED, f"the study has one backbone ({places})"
    else:
        verdict, reason = _joint([each["verdict"] for each in own]), places
    return {**base, "verdict": verdict, "reason": sentence(reason)}
