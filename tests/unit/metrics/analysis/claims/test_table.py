"""Verdicts on fake studies with a planted truth, through the tables that the stage reads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, of_tables, tables, truth, verdicts
from weightscape import words
from weightscape.errors import UserError
from weightscape.metrics.analysis import estimates
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.settings import DATA_FAMILIES, Options
from weightscape.metrics.analysis.setups import setups


def test_diversity_that_equals_dropout_supports_c2():
    found = verdicts(truth("dropout")).loc["C2"]
    assert found["verdict"] == "supported", found["reason"]
    assert found["low"] > 0 and found["n"] == 60
    for control in OPTIONS.controls["C2"]:
        assert f"{words.control(control)}: passed" in found["controls"]


def test_diversity_that_equals_weight_decay_contradicts_c2():
    found = verdicts(truth("weight_decay")).loc["C2"]
    assert found["verdict"] == "contradicted", found["reason"]
    assert found["high"] < 0


def test_diversity_that_equals_label_noise_is_not_specific():
    planted = truth("dropout")
    both = replace(planted, profiles={**planted.profiles, "label_noise": 4.2 * RISING})
    found = verdicts(both).loc["C2"]
    assert found["verdict"] == "undecided"
    assert found["reason"].startswith("not specific: diversity resembles dropout no more than label noise")
    assert "without its controls: supported" in found["reason"]


def test_diversity_that_acts_as_longer_training_is_not_specific():
    planted = truth("dropout")
    found = verdicts(replace(planted, profiles={**planted.profiles, "steps": 4 * RISING})).loc["C2"]
    assert found["verdict"] == "undecided" and "no more than steps" in found["reason"]


@pytest.mark.parametrize("chance", range(4))
def test_a_null_study_leaves_every_claim_undecided(chance: int):
    found = of_tables(tables(simulate.Truth(seeds=3), chance))
    assert (found["verdict"] == "undecided").all(), found["reason"].to_list()
    assert (found["reason"].str.len() > 10).all()


def test_the_signs_of_effects_decide_c1():
    same = {
        name: sign * RISING * 4
        for name, sign in {"augment": 1, "dropout": 1, "weight_decay": 1, "duplicate": -1}.items()
    }
    assert verdicts(simulate.Truth(seeds=5, profiles=same)).loc["C1", "verdict"] == "supported"
    turned = {**same, "augment": -4 * RISING, "duplicate": 4 * RISING}
    assert verdicts(simulate.Truth(seeds=5, profiles=turned)).loc["C1", "verdict"] == "contradicted"
    apart = {**same, "weight_decay": -4 * RISING}
    found = verdicts(simulate.Truth(seeds=5, profiles=apart)).loc["C1"]
    assert found["verdict"] == "undecided" and "opposite directions" in found["reason"]


def test_shrinking_norms_decide_c3_and_their_growth_contradicts_it():
    assert verdicts(truth("dropout")).loc["C3", "verdict"] == "supported"
    grown = truth("dropout")
    grown = replace(grown, profiles={**grown.profiles, "weight_decay": 40 * RISING})
    assert verdicts(grown).loc["C3", "verdict"] == "contradicted"


def test_the_largest_change_decides_c5():
    heads = {"augment": 200.0, "dropout": -200.0}
    assert verdicts(truth("dropout", heads=heads)).loc["C5", "verdict"] == "supported"
    found = verdicts(truth("dropout", heads={"augment": 0.5, "dropout": 0.5}, head_noise=0.5)).loc["C5"]
    assert found["verdict"] == "contradicted" and found["high"] < 0


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


@pytest.mark.parametrize(
    ("judged", "verdict", "outcome"),
    [(-0.02, "supported", "judge's excess error: passed"), (-0.2, "undecided", "judge's excess error: failed")],
)
def test_harm_that_wrong_labels_explain_is_no_harm_of_synthetic_images(judged: float, verdict: str, outcome: str):
    outcomes = {
        ("test", "synthetic_replace"): -0.2,
        ("test", "label_noise"): -0.2,  # at a share of .2
        ("test", "real_add"): 0.05,
        ("ood", "augment"): 0.2,
        ("judge", "synthetic_replace"): judged,
    }
    found = verdicts(truth("dropout", outcomes=outcomes)).loc["C7"]
    assert found["verdict"] == verdict and outcome in found["controls"]


def test_a_coarse_generator_needs_the_control_of_its_resolution():
    outcomes = {("test", "synthetic_replace"): -0.2, ("test", "real_add"): 0.05, ("ood", "augment"): 0.2}
    made = tables(truth("dropout", outcomes=outcomes))
    found = analysed(made, replace(OPTIONS, coarse=("fake",)))["claims"].set_index("claim").loc["C7"]
    assert set(found["verdict"]) == {"undecided"} and "the study has no family resolution" in found["controls"].iloc[0]


def test_a_weighted_score_that_made_the_outcome_supports_c8():
    made = tables(truth("dropout", vendi={simulate.BACKBONE: 0.1}))
    scores = made["diversity"]
    scores = scores[(scores["space"] == simulate.BACKBONE) & (scores["measure"] == "weighted.score.published")]
    rng = np.random.default_rng(0)
    wild = {key: rng.normal(20, 4) for key in scores.groupby(["family", "dose"]).groups}
    for family in ("augment", "noise", "synthetic_add", "synthetic_replace"):
        wild[family, "baseline"] = 20.0
    value = [wild[key] for key in zip(scores["family"], scores["dose"], strict=True)]
    made["diversity"].loc[scores.index, "value"] = value
    lift = {key: 0.01 * (value - 20) for key, value in wild.items()}
    test = made["evaluation"]
    out = test["split"] == "ood-a"
    test.loc[out, "accuracy"] += [
        lift.get(key, 0.0) for key in zip(test[out]["family"], test[out]["dose"], strict=True)
    ]
    found = of_tables(made).loc["C8"]
    assert found["verdict"] == "supported", found["reason"]


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


@pytest.mark.parametrize("control", ["duplicate", "label_noise", "steps"])
def test_a_missing_control_takes_the_verdict_and_is_named(control: str):
    less = replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != control))
    found = verdicts(less).loc["C2"]
    assert found["verdict"] == "undecided"
    assert f"the study has no family {words.family(control)}" in found["reason"]
    assert f"{words.control(control)}: missing" in found["controls"]


def test_a_diversity_without_direction_is_not_called_unspecific():
    still = truth("dropout")
    still = replace(still, profiles={**still.profiles, "augment": np.zeros(16)})
    found = verdicts(still).loc["C2"]
    assert found["verdict"] == "undecided"
    for control in ("label_noise", "steps"):
        assert f"{words.control(control)}: not shown, an effect lies within its noise" in found["controls"]
    assert "nan" not in found["controls"]


@pytest.mark.parametrize(
    ("table", "claim", "reason"),
    [
        ("curvature", "C9", "the study measured no curvature"),
        ("diversity", "C8", "was not measured"),
        ("evaluation", "C7", "test accuracy was not measured"),
        ("layers", "C2", "relative change of the weights was not measured"),
    ],
)
def test_a_missing_table_leaves_its_claim_undecided(table: str, claim: str, reason: str):
    found = verdicts(truth("dropout"), table).loc[claim]
    assert found["verdict"] == "undecided" and reason in found["reason"]


def test_a_family_without_baseline_is_named():
    made = tables(truth("dropout"))
    made["effects"] = made["effects"].query("not (family == 'dropout' and dose == 'baseline')")
    assert "dropout has no baseline runs" in of_tables(made).loc["C1", "reason"]


def test_a_destructive_condition_is_left_out_and_its_weight_told():
    made = tables(truth("dropout"))
    hit = (made["evaluation"]["split"] == "val") & (made["evaluation"]["family"] == "augment")
    made["evaluation"].loc[hit & (made["evaluation"]["dose"] == "d2"), "accuracy"] -= 0.2
    found = analysed(made, OPTIONS)
    gone = found["conditions"].query("destructive")
    assert gone[["family", "dose"]].to_numpy().tolist() == [["augment", "d2"]]
    assert gone["reason"].iloc[0].startswith("validation accuracy 1") and "below" in gone["reason"].iloc[0]
    first = found["claims"].iloc[0]
    assert "with the destructive conditions (augment, d2):" in first["reason"]
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
    through = verdicts(of)
    for row in direct:
        if row["claim"] in ("C1", "C2", "C3", "C5"):
            twin = through.loc[row["claim"]]
            assert (twin["verdict"], twin["estimate"]) == (row["verdict"], pytest.approx(row["estimate"]))


def test_two_tables_for_one_run_and_a_missing_column_are_named():
    made = tables(truth("dropout"))
    twice = pd.concat([made["effects"], made["effects"].query("family == 'dropout' and dose == 'd1' and seed == 0")])
    with pytest.raises(UserError, match="two rows for layer 'layer00' of dropout/d1 seed 0"):
        analysed({**made, "effects": twice}, OPTIONS)
    with pytest.raises(UserError, match="the table effects has no column 'value'"):
        analysed({**made, "effects": made["effects"].drop(columns="value")}, OPTIONS)
    again = pd.concat([made["runs"], made["runs"].iloc[:1]])
    with pytest.raises(UserError, match="'train_accuracy' has two rows for augment/baseline seed 0"):
        analysed({**made, "runs": again}, OPTIONS)


def test_curvature_tells_its_probe_error_and_has_an_a_a_control_of_its_own():
    outcomes = {("ece", "augment"): -0.04, ("weighted_trace", "augment"): -1.0}
    made = tables(truth("dropout", outcomes=outcomes))
    made["curvature"]["weighted_trace_error"] = 0.3

    def c9() -> pd.Series:
        setup = next(setups(made, OPTIONS.metrics))
        return pd.Series(claims.of_setup(setup, OPTIONS, ["C9"])[0][0])

    found = c9()
    assert found["verdict"] == "supported"
    assert f"standard error from probes at most {0.3 * np.sqrt(2 / 5):.2g}" in found["reason"]
    assert "A/A: passed, ECE: baselines of 10 families, curvature: baselines of 10 families" in found["controls"]
    at = made["curvature"].eval("family == 'steps' and dose == 'baseline'")
    made["curvature"].loc[at, "weighted_trace"] += 5
    again = c9()
    assert again["verdict"] == "undecided" and "A/A: failed" in again["reason"]
    made["curvature"] = made["curvature"].query("family == 'augment'")
    assert "curvature: fewer than two groups" in c9()["controls"]


def test_doses_matched_on_diversity_have_slopes_for_data_families_and_leave_c2_undecided():
    made = tables(truth("dropout", vendi={"pixels": 0.5}))
    options = replace(OPTIONS, match="diversity")
    setup = next(setups(made, OPTIONS.metrics, "diversity"))
    slopes = estimates.slopes(setup, options).query("per == 'diversity'")
    assert "augment" in set(slopes["family"]) and set(slopes["family"]) <= {*DATA_FAMILIES}
    reason = claims.of_setup(setup, options, ["C2"])[0][0]["reason"]
    assert reason.startswith("match: diversity matches data families only")


def test_pairs_of_families_are_compared_at_matched_dose_where_they_overlap():
    profiles = {"augment": 6 * RISING, "noise": 9 * RISING, "dropout": -6 * RISING}
    levels = {"augment": 0.05, "noise": 0.08, "dropout": 0.05}
    made = tables(simulate.Truth(seeds=5, profiles=profiles, levels=levels, vendi={"pixels": 0.5}))
    for match in ("relative_change", "diversity"):
        setup = next(setups(made, OPTIONS.metrics, match))
        found = estimates.similarities(setup, replace(OPTIONS, match=match)).query("metric == 'log_norm'")
        there = found[found["matched"].notna()].set_index(["family", "other"])
        assert there.loc[("augment", "noise"), "matched"] == pytest.approx(1, abs=0.1)
        known = {family for pair in there.index for family in pair}
        assert known <= ({"augment", "noise", "dropout"} if match == "relative_change" else {*DATA_FAMILIES})
        if match == "relative_change":
            assert there.loc[("augment", "dropout"), "matched_high"] < -0.5


def test_doses_matched_on_the_loss_on_training_images_are_compared():
    made = tables(truth("dropout"))
    level = made["layers"]["relative_norm"].to_numpy()
    loss = made["evaluation"].query("split == 'test'").assign(split="train", nll=0.5 - level)
    made["evaluation"] = pd.concat([made["evaluation"], loss])
    setup = next(setups(made, OPTIONS.metrics, "train_loss"))
    found = claims.of_setup(setup, replace(OPTIONS, match="train_loss"), ["C2"])[0][0]
    assert found["verdict"] == "supported", found["reason"]


def test_a_primary_metric_that_is_not_analysed_is_refused():
    with pytest.raises(UserError, match=r"analyse.primary = 'alpha' .* choose from log_norm"):
        Options.from_mapping({"analyse": {"metrics": ["log_norm"], "primary": "alpha"}})
