"""C7: synthetic images, and the controls of their harm."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics.planted import OPTIONS, tables, truth, verdicts
from weightscape.metrics.analysis.analyse import analysed
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.settings import FurtherImages
from weightscape.metrics.analysis.setups import Setup, setups


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


def doubled(made: Setup, dose: str, further: dict[str, FurtherImages], shift: float) -> Setup:
    """The setup in which a dose of added images is there a second time, as `more`, at another test accuracy."""
    at = made.design.rows["synthetic_add", dose]
    runs = len(made.outcomes["test"])
    rows = {**made.design.rows, ("synthetic_add", "more"): runs + np.arange(len(at))}
    numbers = {**made.design.numbers, ("synthetic_add", "more"): made.design.numbers["synthetic_add", dose]}
    outcomes = {name: np.concatenate([values, values[at]]) for name, values in made.outcomes.items()}
    outcomes["test"][runs:] += shift
    chosen = frozenset(("synthetic_add", name) for name, each in further.items() if each.is_chosen)
    return replace(made, design=replace(made.design, rows=rows, numbers=numbers, chosen=chosen), outcomes=outcomes)


@pytest.mark.parametrize(
    ("method", "recipe", "moves"), [("log_det", "guided", 0.0), ("random", "guided", 0.05), (None, "strong", 0.0)]
)
def test_of_doses_with_one_share_those_count_that_differ_in_nothing_from_the_replacing_ones(
    method: str | None, recipe: str, moves: float
):
    outcomes = {("test", "synthetic_replace"): -0.2, ("test", "real_add"): 0.05, ("ood", "augment"): 0.2}
    made = next(setups(tables(truth("dropout", outcomes=outcomes)), OPTIONS.metrics))
    doses = made.design.doses("synthetic_add")
    plain = {"method": None, "by": "pixels", "gated": False, "given": True, "pool": 1.0, "recipe": "guided"}
    added = {
        dose: FurtherImages("synthetic_add", dose, made.design.numbers["synthetic_add", dose], **plain)
        for dose in doses
    }
    added["more"] = replace(added[doses[-1]], dose="more", method=method, recipe=recipe)
    whole = [replace(each, family="synthetic_replace") for name, each in added.items() if name != "more"]

    def adding(setup: Setup, further: list[FurtherImages]) -> float:
        tests = claims.of_setup(setup, replace(OPTIONS, further=tuple(further)), ("C7",))[1]["C7"]
        return next(test.numbers.estimate for test in tests if test.question == "adding less replacing")

    before = adding(made, [*added.values(), *whole])
    after = adding(doubled(made, doses[-1], added, 0.1), [*added.values(), *whole])
    assert after - before == pytest.approx(moves)


@pytest.mark.parametrize(("others", "part"), [(0.0, "diversity"), (0.2, "diversity less noise")])
def test_a_part_that_stays_open_names_its_families_once(others: float, part: str):
    shifts = {("ood", "augment"): others, ("ood", "noise"): others}
    outcomes = {("test", "synthetic_replace"): -0.2, ("test", "real_add"): 0.05, **shifts}
    assert verdicts(truth("dropout", outcomes=outcomes)).loc["C7", "reason"].startswith(f"{part} on OOD accuracy: p = ")
