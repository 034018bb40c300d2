"""Reasons of verdicts and outcomes of controls are words: no identifiers, a true minus, powers of ten."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, tables, truth
from weightscape import words
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.verdicts import ClaimTest, Numbers, all_of, judge

RAW = re.compile("|".join([r"\w_\w", r"\d[eE][+-]?\d", r"(?<![\w.])-\d", r"\w/\w+(?=[,;)])"]))
HARM = {("val", "label_noise"): -0.5, ("val", "steps"): -0.5}


@pytest.fixture(scope="module")
def found() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Claims and tests of a study with few seeds, destructive conditions and baselines that are one data set."""
    made = tables(truth("dropout", seeds=3, outcomes=HARM))
    rows = made["diversity"]
    first = rows.groupby(["family", "dose", "space", "measure"])["value"].transform("first")
    made["diversity"] = rows.assign(value=rows["value"].mask(rows["dose"] == "baseline", first))
    every = analysed(made, OPTIONS)
    return every["claims"].query("backbone != 'all'").set_index("claim"), every["tests"]


def test_reasons_and_controls_hold_no_identifier_and_no_ascii_minus(found):
    rows, tests = found
    controls = rows["controls"].str.replace("A/A", "")
    texts = [*rows["reason"], *rows["aside"], *controls, *tests["reason"], *tests["test"]]
    assert {text: RAW.findall(text) for text in texts if RAW.search(text)} == {}
    assert "label noise, " in rows.loc["C1", "aside"] and rows.loc["C1", "controls"].startswith("regime: ")


def test_c6_counts_data_sets_and_names_its_embedding(found):
    rows, tests = found
    doses = len(simulate.setup(truth("dropout"), np.random.default_rng(0)).design.doses("augment"))
    assert set(tests.loc[tests["claim"] == "C6", "n"]) == {1 + 3 * doses}
    assert f"embedding: that of {simulate.BACKBONE} before training" in rows.loc["C6", "reason"]


@pytest.mark.parametrize(
    ("value", "digits", "said"),
    [
        (2.7e2, 2, "270"),
        (4.6e-9, 2, "4.6 \u00d7 10\u207b\u2079"),
        (-0.248, 3, "\u22120.248"),
        (12345.0, 4, "1.234 \u00d7 10\u2074"),
    ],
)
def test_numbers_have_a_true_minus_and_powers_of_ten(value: float, digits: int, said: str):
    assert words.number(value, digits) == said


def test_a_layer_is_named_without_its_only_part():
    assert words.layer("blocks.3.conv/weight") == "blocks.3.conv"
    assert words.layer("blocks.3.attn/q") == "blocks.3.attn, q"


def parts_of(*p: float, signs: tuple[int, ...] = (), decides: bool = True) -> list[ClaimTest]:
    signs = signs or (1,) * len(p)
    numbers = [Numbers(float(sign), p=each, n=6) for each, sign in zip(p, signs, strict=True)]
    return [ClaimTest(f"part {k}", "log_norm", "", each, expects=1, decides=decides) for k, each in enumerate(numbers)]


def test_a_claim_that_needs_all_of_its_parts_tests_each_at_alpha():
    parts = parts_of(0.04, 0.049, 0.001)
    judge(parts, 0.05)
    found = all_of(parts, parts, parts[0])
    assert found.verdict == "supported" and found.p == 0.049
    parts = parts_of(0.04, 0.051, 0.001)
    judge(parts, 0.05)
    assert all_of(parts, parts, parts[0]).reason.text == "part 1 on log10 norm: p = 0.051"


def test_one_part_contradicts_after_holm_alone():
    for p, verdict in ((0.02, "undecided"), (0.016, "contradicted")):
        parts = parts_of(p, 0.3, 0.4, signs=(-1, 1, 1))
        judge(parts, 0.05)
        found = all_of(parts, parts, parts[0])
        assert found.verdict == verdict and "the sign is not as stated" in found.reason.text
        assert np.isnan(found.p) if verdict == "undecided" else found.p == pytest.approx(3 * p)


def test_tests_that_do_not_decide_cost_those_that_do_nothing_and_are_corrected_apart():
    parts, others = parts_of(0.04, 0.04), parts_of(*[0.02] * 5, decides=False)
    for other in others:
        other.question = "beside"
    judge([*parts, *others], 0.05)
    assert {part.verdict for part in parts} == {"supported"} and {other.verdict for other in others} == {"undecided"}
    assert all(other.reason.text == "p = 0.1 after Holm" for other in others)


def test_an_intersection_of_three_parts_of_which_one_is_null_is_supported_in_at_most_a_twentieth():
    rng = np.random.default_rng(0)
    supported = 0
    for _ in range(2000):
        parts = parts_of(1e-9, 1e-9, float(rng.uniform()), signs=(1, 1, int(rng.choice([-1, 1]))))
        judge(parts, 0.05)
        supported += all_of(parts, parts, parts[0]).verdict == "supported"
    assert stats.binomtest(supported, 2000).proportion_ci(0.99).low <= 0.05


def test_any_of_three_null_parts_contradicts_in_at_most_a_twentieth():
    rng = np.random.default_rng(1)
    against = 0
    for _ in range(2000):
        parts = parts_of(*rng.uniform(size=3), signs=tuple(rng.choice([-1, 1], size=3).tolist()))
        judge(parts, 0.05)
        against += all_of(parts, parts, parts[0]).verdict == "contradicted"
    assert stats.binomtest(against, 2000).proportion_ci(0.99).low <= 0.05
