"""C2: diversity in terms of the signatures of other interventions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, OTHER, RISING, tables, truth, verdicts
from weightscape import words
from weightscape.metrics import signature_words
from weightscape.metrics.analysis import features
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.claims import c2_pattern
from weightscape.metrics.analysis.setups import setups


def nearest(of: simulate.Truth) -> dict[str, set[str]]:
    """The interventions that diversity is nearest to, by scope."""
    table = analysed(tables(of), OPTIONS)["signature"]
    return {
        str(name): set(rows.loc[rows["nearest"].astype(bool), "explanation"]) for name, rows in table.groupby("scope")
    }


def test_diversity_that_equals_dropout_supports_c2():
    found = verdicts(truth("dropout")).loc["C2"]
    assert found["verdict"] == "supported", found["reason"]
    assert found["low"] > 0 and found["n"] == 30
    for control in OPTIONS.controls["C2"]:
        assert f"{words.control(control)}: passed" in found["controls"]


def test_diversity_that_equals_weight_decay_contradicts_c2():
    found = verdicts(truth("weight_decay")).loc["C2"]
    assert found["verdict"] == "contradicted", found["reason"]
    assert found["high"] < 0


@pytest.mark.parametrize("like", ["dropout", "weight_decay", "label_noise"])
def test_what_diversity_is_nearest_to_is_named_in_every_scope_that_shows_it(like: str):
    found = nearest(truth(like))
    assert found["hidden"] == found["update"] == {like}


def test_an_effect_of_diversity_alone_is_its_own():
    planted = truth("dropout")
    own = {"augment": 9 * np.cos(2.9 * np.arange(16)), "duplicate": -9 * OTHER}
    alone = replace(planted, profiles={**planted.profiles, **own})
    assert nearest(alone)["hidden"] == {"own"}
    assert verdicts(alone).loc["C2", "verdict"] == "undecided"


def test_where_an_explanation_has_no_direction_nothing_is_called_diversitys_own():
    planted = truth("dropout")
    own = {"augment": 9 * np.cos(2.9 * np.arange(16)), "duplicate": 0 * RISING}
    table = analysed(tables(replace(planted, profiles={**planted.profiles, **own})), OPTIONS)["signature"]
    rows = table[table["scope"] == "hidden"]
    assert not rows["nearest"].astype(bool).any()
    assert signature_words.answer(rows) == "not known"
    assert "no direction is seen of duplicates, and each of the others explains less than half" in set(rows["reason"])


def test_scopes_that_disagree_leave_c2_undecided():
    planted = truth("dropout")
    made = tables(planted)
    other = tables(truth("weight_decay"))["effects"].query("source == 'delta'")
    made["effects"] = pd.concat([made["effects"].query("source == 'change'"), other])
    claims = analysed(made, OPTIONS)["claims"].set_index(["claim", "backbone"])
    assert claims.loc[("C2", "all"), "verdict"] == "undecided"
    assert "the scopes disagree" in claims.loc[("C2", "all"), "reason"]


@pytest.mark.parametrize("family", ["label_noise", "steps"])
def test_what_explains_diversity_as_well_as_dropout_does_takes_the_verdict(family: str):
    planted = truth("dropout")
    found = verdicts(replace(planted, profiles={**planted.profiles, family: 4.2 * RISING})).loc["C2"]
    assert found["verdict"] == "undecided"
    assert f"{words.family(family)} explains as much as dropout" in found["reason"]


@pytest.mark.parametrize("control", ["duplicate", "label_noise", "steps"])
def test_a_missing_control_takes_the_verdict_and_is_named(control: str):
    less = replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != control))
    found = verdicts(less).loc["C2"]
    assert found["verdict"] == "undecided"
    assert f"the study has no family {words.family(control)}" in found["reason"]
    assert f"{words.control(control)}: missing" in found["controls"]


def test_a_diversity_without_effect_has_no_signature():
    still = truth("dropout")
    found = verdicts(replace(still, profiles={**still.profiles, "augment": np.zeros(16)})).loc["C2"]
    assert found["verdict"] == "undecided"
    assert "the effect of augment does not differ from zero" in found["reason"] and "nan" not in found["reason"]


def test_a_verdict_that_hangs_on_one_feature_is_none(monkeypatch: pytest.MonkeyPatch):
    setup = next(setups(tables(truth("dropout")), OPTIONS.metrics))
    assert c2_pattern.decide(setup, OPTIONS).verdict == "supported"
    whole = features.Scope.differences
    turned = features.Interval(-0.1, -0.2, -0.01, 0.03)
    monkeypatch.setattr(features.Scope, "differences", lambda self, level: [*whole(self, level)[:-1], turned])
    decision = c2_pattern.decide(setup, OPTIONS)
    assert decision.verdict == "undecided" and "not told apart" in decision.reason.text


def test_few_runs_and_single_ones_leave_c2_undecided_and_say_so():
    assert "no replicates" in verdicts(truth("dropout", seeds=1)).loc["C2", "reason"]
    few = truth("dropout", seeds=2, families=("augment", "dropout", "weight_decay"))
    assert "n: too few repeated runs" in verdicts(few).loc["C2", "reason"]


def test_a_feature_that_was_not_measured_leaves_its_scope_without_a_regression():
    made = tables(truth("dropout"))
    made["effects"] = made["effects"].query("source == 'change'")
    setup = next(setups(made, OPTIONS.metrics))
    found = {scope.name: scope for scope in features.scopes(setup, OPTIONS)}
    assert found["hidden"].regression is not None and found["update"].regression is None
    reason = c2_pattern.decide(setup, OPTIONS).reason.text
    assert reason == "update of the hidden layers: the spectra of the updates were not measured"
