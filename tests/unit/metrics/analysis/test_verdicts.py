"""Reasons of verdicts and outcomes of controls are words: no identifiers, a true minus, powers of ten."""

import re

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, tables, truth
from weightscape import words
from weightscape.metrics.analysis.analyse import analysed

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
    assert "label noise, " in rows.loc["C1", "aside"] and rows.loc["C1", "controls"].startswith("A/A: ")


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
