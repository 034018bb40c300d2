"""Answers a study's question in three sentences: is diversity like a regulariser, nearest to what, and what helps."""

from collections.abc import Mapping, Sequence

from weightscape.formats.tables import Table
from weightscape.metrics import signature_words
from weightscape.metrics.summaries import SETUP
from weightscape.report.claims import Claim
from weightscape.words import scope

LIKE = {
    "supported": "Diversity moves the spectra of the weights to the side that dropout and weight decay move them to",
    "contradicted": "Diversity moves the spectra of the weights opposite to dropout, to weight decay, or to both",
    "undecided": "It stays open whether diversity moves the spectra of the weights as dropout and weight decay do",
}
NEARER = {
    "supported": "Its pattern is nearer to dropout's than to weight decay's",
    "contradicted": "Its pattern is nearer to weight decay's than to dropout's",
    "undecided": "Whether its pattern is nearer to dropout's or to weight decay's stays open",
}
HELPS = {
    "C7": {
        "supported": "diversity helps out of distribution more than any other family, and synthetic images in place of "
        "real ones hurt",
        "contradicted": "what is said of synthetic images and of accuracy out of distribution fails in one part",
        "undecided": "which images help most out of distribution stays open",
    },
    "C9": {
        "supported": "calibration gets better and curvature falls",
        "contradicted": "calibration gets worse or curvature rises",
        "undecided": "whether calibration and curvature gain stays open",
    },
}


def sentences(claims: Sequence[Claim], signature: Table) -> list[str]:
    """The three sentences; fewer for claims that a study did not ask, none without C1 and C2."""
    by_name = {claim.name: claim for claim in claims}
    found = [_said(by_name["C1"], LIKE) + "."] if "C1" in by_name else []
    if "C2" in by_name:
        found.append(f"{_said(by_name['C2'], NEARER)}{_nearest(signature)}.")
    helps = [_said(by_name[name], texts) for name, texts in HELPS.items() if name in by_name]
    return [*found, f"For the networks: {'; '.join(helps)}."] if found and helps else found


def _said(claim: Claim, texts: Mapping[str, str]) -> str:
    return f"{texts[claim.verdict]} ({claim.name} {claim.verdict})"


def _nearest(signature: Table) -> str:
    """Names what diversity is nearest to in the scopes that C2 needs, and in which setups; empty without a table."""
    if signature.empty:
        return ""
    asked = signature[signature["claim"].astype(bool)]
    if not signature_words.is_told(asked):
        return "; which intervention it is nearest to is not known"
    places: dict[str, list[str]] = {}
    for (dataset, backbone), rows in asked.groupby(list(SETUP), sort=False):
        found: dict[str, list[str]] = {}
        for name, own in rows.groupby("scope", sort=False):
            told = signature_words.answer(own) if signature_words.is_told(own) else ""
            found.setdefault(told, []).append(scope(str(name)))
        for told, scopes in found.items():
            places.setdefault(told, []).append(f"in the {' and the '.join(scopes)} ({dataset}, {backbone})")
    is_open = bool(places.pop("", []))
    named = "; ".join(f"{told} {', '.join(where)}" for told, where in places.items())
    return f"; among the interventions it is {named}{'; elsewhere that cannot be told' if is_open else ''}"
