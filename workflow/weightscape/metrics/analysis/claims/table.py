"""The claims table: C1 to C9 in every setup, each with its controls; `overall` joins the setups."""

from collections.abc import Callable, Iterable

from weightscape.metrics.analysis import controls
from weightscape.metrics.analysis.across_setups import PATTERN, pattern
from weightscape.metrics.analysis.claims import contrasts
from weightscape.metrics.analysis.claims import outcomes as outcome_claims
from weightscape.metrics.analysis.claims import pattern as pattern_claim
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import Decision, Row, claim_row, sentence
from weightscape.words import condition

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
    "C1": contrasts.sign,
    "C2": pattern_claim.alike,
    "C3": contrasts.norms,
    "C5": contrasts.head,
    "C6": outcome_claims.scores,
    "C7": outcome_claims.synthetic,
    "C8": outcome_claims.explained,
    "C9": outcome_claims.calibration,
}


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
        claims.append(_pattern(setup, [claim for claim in claims if claim["claim"] in PATTERN], options))
    return sorted(claims, key=lambda claim: claim["claim"]), tests


def _decided(name: str, setup: Setup, options: Options) -> tuple[Row, Decision]:
    decision = TESTS[name](setup, options)
    found = controls.of_claim(setup, name, _compared(name, setup, options), options)
    required = options.controls[name]
    return claim_row(setup, name, STATEMENTS[name], options.rules[name], decision, found, required), decision


COMPARED = {"C7": ("test",), "C8": ("ood",), "C9": ("ece", outcome_claims.CURVATURE)}
"""The outcomes that the A/A control of a claim compares; of the others the primary metric."""


def _compared(name: str, setup: Setup, options: Options) -> dict[str, Values]:
    """What the A/A control of a claim compares, per run; empty without the first."""
    if name in COMPARED:
        first, *_ = outcomes = COMPARED[name]
        return {each: setup.outcomes[each] for each in outcomes if each in setup.outcomes and first in setup.outcomes}
    layers = setup.metrics[options.primary]
    return {options.primary: layers.head if name == "C5" else layers.mean()}


def _with_destructive(claim: Row, other: Row, setup: Setup) -> str:
    names = "; ".join(condition(*each) for each in setup.destructive)
    same = other["verdict"] == claim["verdict"]
    what = "the same" if same else f"{other['verdict']} ({other['reason'].rstrip('.')})"
    return sentence(f"{claim['reason'].rstrip('.')}; with the destructive conditions ({names}): {what}")


def _pattern(setup: Setup, parts: list[Row], options: Options) -> Row:
    """C4 in one setup: what C1 to C3 came to."""
    verdict, p = pattern(parts, options.alpha)
    text = ", ".join(f"{part['claim']} {part['verdict']}" for part in parts)
    decision = Decision(verdict, text, {"test": "C1 to C3 together", "n": max(part["n"] for part in parts)}, p=p)
    row = claim_row(setup, "C4", STATEMENTS["C4"], options.rules["C4"], decision, [], ())
    return row | {"controls": "; ".join(f"{part['claim']}: {part['controls']}" for part in parts)}
