"""C7: synthetic images, and the controls of their harm."""

from dataclasses import replace

import pytest

from unit.metrics.planted import OPTIONS, tables, truth, verdicts
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.setups import setups


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


@pytest.mark.parametrize("gone", ["synthetic_replace", "augment"])
def test_harm_beyond_the_limit_is_the_claims_matter_but_destroyed_diversity_is_not(gone: str):
    outcomes = {("test", "synthetic_replace"): -0.2, ("test", "real_add"): 0.05, ("ood", "augment"): 0.2}
    made = next(setups(tables(truth("dropout", outcomes=outcomes)), OPTIONS.metrics))
    doses = tuple(condition for condition in made.design.rows if condition[0] == gone)
    (row,) = claims.of_setup(replace(made, destructive=doses), OPTIONS, ("C7",))[0]
    assert row.verdict == ("supported" if gone == "synthetic_replace" else "undecided"), row.reason
    assert bool(row.aside) == (gone == "augment")


def test_the_harm_of_a_failed_generators_images_is_no_harm_of_synthetic_images():
    outcomes = {("test", "synthetic_replace"): -0.2, ("test", "real_add"): 0.05, ("ood", "augment"): 0.2}
    made = next(setups(tables(truth("dropout", outcomes=outcomes)), OPTIONS.metrics))
    doses = tuple(condition for condition in made.design.rows if condition[0].startswith("synthetic"))
    (row,) = claims.of_setup(replace(made, destructive=doses, failed=doses), OPTIONS, ("C7",))[0]
    assert row.verdict == "undecided" and "has failed" in row.reason
