"""Verdicts on fake studies with a planted truth, through the tables that the stage reads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, of_tables, tables, truth, verdicts
from weightscape.errors import UserError
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.claims import table as claims


def test_null_studies_leave_their_claims_undecided_but_for_chance():
    found = pd.concat([of_tables(tables(simulate.Truth(seeds=3), chance)) for chance in range(4)])
    decided = found[found["verdict"] != "undecided"]
    assert len(decided) <= 1, decided["reason"].to_list()  # of 36, each by chance in 1 to 2 %
    assert (found["reason"].str.len() > 10).all()


def test_data_and_outcomes_decide_c6_c7_and_c9():
    outcomes = {
        ("test", "synthetic_replace"): -0.2,
        ("test", "real_add"): 0.05,
        ("ood", "augment"): 0.2,
        ("ece", "augment"): -0.04,
        ("weighted_trace", "augment"): -1.0,
    }
    good = verdicts(truth("dropout", outcomes=outcomes, vendi={"pixels": 0.5, simulate.BACKBONE: -0.4}))
    assert good.loc[["C6", "C7", "C9"], "verdict"].to_list() == ["supported"] * 3
    turned = {key: value if key[1] == "real_add" else -value for key, value in outcomes.items()}
    bad = verdicts(truth("dropout", outcomes=turned, vendi={"pixels": -0.5, simulate.BACKBONE: -0.4}))
    assert bad.loc[["C6", "C7", "C9"], "verdict"].to_list() == ["contradicted"] * 3


def test_single_runs_have_estimates_and_no_verdict():
    made = analysed(tables(truth("dropout", seeds=1)), OPTIONS)
    found = made["claims"].set_index("claim")
    assert (found["verdict"] == "undecided").all()
    assert found.loc[["C1", "C3", "C5"], "reason"].str.contains("no replicates").all()
    assert (found.loc["C2", "reason"] == "no replicates.").all()
    assert np.isfinite(found.loc[["C1", "C3", "C5"], "estimate"]).all()
    assert np.isfinite(made["condition_effects"]["estimate"]).all()


@pytest.mark.parametrize(
    ("family", "claim", "reason"),
    [
        ("augment", "C1", "the study has no family augment"),
        ("dropout", "C2", "the study has no family dropout"),
        ("weight_decay", "C3", "the study has no family weight decay"),
        ("synthetic_add", "C7", "the study has no family synthetic added"),
    ],
)
def test_a_missing_family_leaves_its_claim_undecided(family: str, claim: str, reason: str):
    less = replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != family))
    found = verdicts(less).loc[claim]
    assert found["verdict"] == "undecided" and reason in found["reason"]


@pytest.mark.parametrize(
    ("table", "claim", "reason"),
    [
        ("curvature", "C9", "the study measured no curvature"),
        ("diversity", "C8", "was not measured"),
        ("evaluation", "C7", "test accuracy was not measured"),
    ],
)
def test_a_missing_table_leaves_its_claim_undecided(table: str, claim: str, reason: str):
    found = of_tables({name: made for name, made in tables(truth("dropout")).items() if name != table}).loc[claim]
    assert found["verdict"] == "undecided" and reason in found["reason"]


def test_a_family_without_baseline_is_named():
    made = tables(truth("dropout"))
    made["effects"] = made["effects"].query("family != 'baseline'")
    assert "augment has no baseline runs" in of_tables(made).loc["C1", "reason"]


def test_a_destructive_condition_is_left_out_and_its_weight_told():
    made = tables(truth("dropout"))
    hit = (made["evaluation"]["split"] == "val") & (made["evaluation"]["family"] == "augment")
    made["evaluation"].loc[hit & (made["evaluation"]["dose"] == "d2"), "accuracy"] -= 0.2
    found = analysed(made, OPTIONS)
    gone = found["conditions"].query("destructive")
    assert gone[["family", "dose"]].to_numpy().tolist() == [["augment", "d2"]]
    assert gone["reason"].iloc[0].startswith("validation accuracy 1") and "below" in gone["reason"].iloc[0]
    first = found["claims"].iloc[0]
    assert first["aside"] == "With the destructive conditions (augment, d2) included, the verdict is the same."
    assert "destructive" not in first["reason"]
    used = found["tests"].query("claim == 'C1' and family == 'augment'")["dose"]
    assert set(used) == {"d1"}


def test_a_family_whose_doses_all_destroy_is_named_as_such():
    made = tables(truth("dropout"))
    runs = made["runs"]
    made["runs"]["judge_accuracy"] = np.where(runs["family"].eq("dropout") & runs["dose"].ne("baseline"), 0.5, 0.97)
    claims = analysed(made, OPTIONS)["claims"]
    assert "every dose of dropout is destructive" in claims.query("claim == 'C2'")["reason"].iloc[0]


def test_the_judge_can_call_a_condition_destructive():
    made = tables(truth("dropout"))
    weak = made["runs"]["family"].eq("augment") & made["runs"]["dose"].eq("d0")
    made["runs"]["judge_accuracy"] = np.where(weak, 0.5, 0.97)
    gone = analysed(made, OPTIONS)["conditions"].query("destructive")
    assert gone["dose"].to_list() == ["d0"] and "the judge recognises 50.0 %" in gone["reason"].iloc[0]


def test_the_tables_of_a_study_tell_the_same_as_its_arrays():
    of = truth("dropout")
    rng = np.random.default_rng(0)
    direct, _ = claims.of_setup(simulate.setup(of, rng), OPTIONS)
    through = of_tables(tables(of))
    for row in direct:
        if row.claim in ("C1", "C2", "C3", "C5"):
            twin = through.loc[row.claim]
            assert (twin["verdict"], twin["estimate"]) == (row.verdict, pytest.approx(row.estimate))


def test_two_tables_for_one_run_and_a_missing_column_are_named():
    made = tables(truth("dropout"))
    twice = pd.concat([made["effects"], made["effects"].query("family == 'dropout' and dose == 'd1' and seed == 0")])
    with pytest.raises(UserError, match="two rows for layer 'layer00' of dropout/d1 seed 0"):
        analysed({**made, "effects": twice}, OPTIONS)
    with pytest.raises(UserError, match="the table effects has no column 'value'"):
        analysed({**made, "effects": made["effects"].drop(columns="value")}, OPTIONS)
    again = pd.concat([made["runs"], made["runs"].iloc[:1]])
    with pytest.raises(UserError, match="'judge_accuracy' has two rows for baseline/baseline seed 0"):
        analysed({**made, "runs": again}, OPTIONS)
