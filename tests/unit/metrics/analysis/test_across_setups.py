"""Verdicts over several setups, and the rule that stands beside each claim."""

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from weightscape.formats.tables import write_table
from weightscape.metrics.analysis import table_schema
from weightscape.metrics.analysis.across_setups import architectures, overall, partial_conjunction, pattern
from weightscape.metrics.analysis.claims.statements import SCHEMA, rules
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.verdicts import Row
from weightscape.report import page as report

OPTIONS = Options.from_mapping({"scratch": ["b1"]})


def row(backbone: str, verdict: str, estimate: float = 1.0, p: float = 0.001, claim: str = "C3") -> Row:
    """The row of a claim in one setup; the interval reaches 0.5 to both sides."""
    fixed = {"statement": "s.", "rule": "r", "dataset": "d", "test": "t", "metric": "m", "unit": "u", "controls": ""}
    numbers = {"estimate": estimate, "low": estimate - 0.5, "high": estimate + 0.5, "n": 6}
    p = p if verdict != "undecided" else float("nan")
    return {"claim": claim, "backbone": backbone, "verdict": verdict, "p": p, "reason": "x.", **fixed, **numbers}


def joined(*setups: tuple) -> Row:
    return overall([row(f"b{k}", *each) for k, each in enumerate(setups)], OPTIONS)[0]


def test_a_claim_that_holds_in_most_setups_holds_overall():
    found = joined(("supported",), ("supported", 2.0), ("undecided", 0.6))
    assert found["verdict"] == "supported" and found["p"] == pytest.approx(0.002)
    assert found["estimate"] == pytest.approx(1.2) and found["n"] == 18
    assert found["low"] == pytest.approx(1.2 - 0.5 * np.sqrt(3) / 3)


@pytest.mark.parametrize(
    ("setups", "words"),
    [
        ([("supported",), ("undecided",)], "supported in 1 of 2 setups, where more than half are needed"),
        ([("supported", 1.0, 0.03)] * 2 + [("undecided",)], "supported in 2 of 3 setups, p = 0.06"),
        ([("supported",), ("supported",), ("contradicted", -1.0)], "data sets or backbones disagree"),
        ([("supported",), ("supported",), ("undecided", -9.0)], "the mean over setups lies on the other side of zero"),
        ([("undecided",)] * 2, "no setup has a verdict"),
    ],
)
def test_what_is_not_shown_in_most_setups_is_undecided_overall(setups: list, words: str):
    found = joined(*setups)
    assert found["verdict"] == "undecided" and words in found["reason"] and np.isnan(found["p"])


def test_a_claim_of_one_setup_is_that_of_the_setup():
    assert joined(("contradicted",)) == row("all", "contradicted") | {"dataset": "all"}


@pytest.mark.parametrize("setups", [1, 2, 3, 4, 7])
def test_true_in_too_few_setups_is_rejected_in_at_most_five_percent(setups: int):
    rng = np.random.default_rng(setups)
    certain = setups // 2  # one short of more than half: p of the others is uniform
    drawn = [partial_conjunction([0.0] * certain + list(rng.random(setups - certain)), setups) for _ in range(2000)]
    assert np.mean(np.array(drawn) < 0.05) < 0.065


def test_setups_whose_tests_differ_have_no_common_estimate():
    two = [row("b0", "supported"), row("b1", "supported") | {"metric": "other"}]
    found = overall(two, OPTIONS)[0]
    assert np.isnan(found["estimate"]) and found["test"] == "verdicts of the setups" and found["metric"] == ""


def test_c4_needs_a_backbone_of_each_kind_and_every_setup():
    two = [row(name, "supported", claim="C4") for name in ("b0", "b1")]
    assert overall(two, OPTIONS)[0]["verdict"] == "supported"
    for scratch, words in (((), "no backbone from scratch"), (("b0", "b1"), "no pre-trained backbone")):
        found = architectures(two, replace(OPTIONS, scratch=scratch))
        assert found["verdict"] == "undecided" and words in found["reason"]
    assert "has one backbone" in overall(two[:1], OPTIONS)[0]["reason"]
    two[1] |= {"verdict": "undecided"}
    assert overall(two, OPTIONS)[0]["verdict"] == "undecided"
    two[1] |= {"verdict": "contradicted", "p": 0.03}
    assert overall(two, OPTIONS)[0]["verdict"] == "undecided"
    two[1] |= {"p": 0.02}
    assert overall(two, OPTIONS)[0]["verdict"] == "contradicted"


def test_c4_in_a_setup_is_corrected_for_its_three_claims():
    parts = [row("b", verdict, p=p) for verdict, p in (("supported", 0.01), ("supported", 0.02), ("supported", 0.03))]
    assert pattern(parts, 0.05) == ("supported", 0.03)
    parts[0] |= {"verdict": "contradicted", "p": 0.02}
    assert pattern(parts, 0.05)[0] == "undecided"
    assert pattern([parts[0] | {"p": 0.01}, *parts[1:]], 0.05) == ("contradicted", 0.03)


def test_the_rule_in_the_schema_is_the_one_on_the_page(tmp_path: Path):
    analyse = yaml.safe_load(SCHEMA.read_text())["properties"]["analyse"]["properties"]
    claims = analyse["controls"]["properties"]
    assert list(rules()) == list(claims) == [f"C{k}" for k in range(1, 10)]
    table = pd.DataFrame([row("b", "undecided", claim=name) | {"rule": OPTIONS.rules[name]} for name in claims])
    write_table(tmp_path / "claims.parquet", table_schema.checked("claims", table))
    page, _ = report.page(tmp_path, tmp_path, SCHEMA.parents[1] / "report", {"figures": []})
    said = html.unescape(" ".join(page.split())).lower()
    for name, claim in claims.items():
        rule = " ".join(claim["description"].split()).lower()
        assert rule.startswith("supported if") and "contradicted if" in rule
        assert f"<strong>rule.</strong> {rule}; else undecided" in said, name
