"""The three sentences that open the page."""

import pandas as pd
import pytest

from weightscape.report import answer, claims

NAMES = tuple(f"C{k}" for k in range(1, 11))


def claim(name: str, verdict: str) -> claims.Claim:
    return claims.Claim(name, "s", "r", verdict, "?", "x.", "", "", "", [])


def signature(nearest: str, reason: str = "") -> pd.DataFrame:
    names = ["dropout", "weight_decay", "own"]
    rows = pd.DataFrame({"explanation": names, "nearest": [name == nearest for name in names], "reason": reason})
    rows = rows.assign(dataset="digits", backbone="net", opposite=False, cosine=0.9, cosine_low=0.8, cosine_high=1.0)
    return pd.concat([rows.assign(scope=scope, claim=scope != "head") for scope in ("hidden", "update", "head")])


@pytest.mark.parametrize("verdict", ["supported", "contradicted", "undecided"])
def test_three_sentences_answer_with_each_verdict(verdict: str):
    found = answer.sentences([claim(name, verdict) for name in NAMES], signature("dropout"))
    assert len(found) == 3 and all(text.endswith(".") for text in found)
    assert all(f"(C{k} {verdict})" in " ".join(found) for k in (1, 2, 7, 9))
    assert found[1].endswith(
        "; among the interventions it is nearest to dropout in the hidden layers and the update of the hidden layers "
        "(digits, net)."
    )


def test_setups_are_named_after_what_diversity_is_nearest_to_there():
    rows = pd.concat(
        [
            signature("dropout").assign(backbone="a"),
            signature("dropout").assign(backbone="b", nearest=lambda t: t["nearest"] & (t["scope"] == "update")),
            signature("own").assign(backbone="c"),
        ]
    )
    assert answer.sentences([claim("C2", "supported")], rows)[0].split("; ")[1:] == [
        "among the interventions it is nearest to dropout in the hidden layers and the update of the hidden layers "
        "(digits, a), in the update of the hidden layers (digits, b)",
        "nearest to none in the hidden layers and the update of the hidden layers (digits, c)",
        "elsewhere that cannot be told.",
    ]


def test_what_is_not_known_is_said_and_a_study_without_these_claims_has_no_answer():
    found = answer.sentences([claim("C1", "undecided"), claim("C2", "undecided")], signature("", "n"))
    assert len(found) == 2 and found[1].endswith("; which intervention it is nearest to is not known.")
    assert answer.sentences([claim("C3", "supported")], signature("own")) == []
    assert "nearest" not in answer.sentences([claim("C2", "supported")], pd.DataFrame())[0]


def test_claims_stand_in_the_order_in_which_a_reader_asks():
    rows = pd.DataFrame([vars(claim(name, "undecided")) for name in NAMES]).rename(columns={"name": "claim"})
    table = rows.assign(dataset="all", backbone="all", decide="more runs")
    table = table.assign(**dict.fromkeys(("estimate", "low", "high"), float("nan")), metric="", unit="", n=1, test="")
    found = claims.claims(table, pd.DataFrame({"claim": []}))
    assert [each.name for each in found][:5] == ["C1", "C2", "C4", "C7", "C9"] and len(found) == len(NAMES)
    assert {each.decide for each in found} == {"more runs"}
