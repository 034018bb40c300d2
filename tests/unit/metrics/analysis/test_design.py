"""Families that are measured against one set of baseline runs: their copies are one set to every test."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS
from weightscape.metrics import effects
from weightscape.metrics.analysis import contrasts, similarity
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.controls.table import CONTROLS, a_a
from weightscape.metrics.analysis.design import Design, difference
from weightscape.metrics.analysis.setups import Setup, setups

FAMILIES = ("augment", "dropout", "weight_decay")
RUNS = 3


def design(**references: str) -> Design:
    """Three families with a baseline and a dose, three runs each; `references` name their baseline runs."""
    rows = [(f, dose, n) for f in FAMILIES for dose, n in (("baseline", 0.0), ("strong", 1.0)) for _ in range(RUNS)]
    runs = pd.DataFrame(rows, columns=["family", "dose", "number"])
    return Design.of(runs.assign(reference=runs["family"].map(lambda family: references.get(family, "bs"))))


def copied(design: Design, *shape: int) -> np.ndarray:
    """Random values of the runs, those of one set of baseline runs equal in each family."""
    values = np.random.default_rng(0).normal(size=(2 * RUNS * len(FAMILIES), *shape))
    first: dict[str, np.ndarray] = {}
    for family in FAMILIES:
        at = design.rows[family, "baseline"]
        values[at] = first.setdefault(design.references[family], values[at])
    return values


def test_a_set_of_baseline_runs_counts_once() -> None:
    one, two = design(), design(weight_decay="other")
    assert [family for family, dose in one.distinct if dose == "baseline"] == ["augment"]
    assert [family for family, dose in two.distinct if dose == "baseline"] == ["augment", "weight_decay"]
    assert one.without([("augment", "strong")]).references == one.references
    assert two.share(FAMILIES) and not two.share(("dropout", "weight_decay"))


def test_the_difference_of_two_effects_does_not_hold_the_baseline_that_they_share() -> None:
    shared = design()
    weights = difference(shared.effect("augment", "strong"), shared.effect("dropout", "strong"))
    found = contrasts.contrast(shared, copied(shared), weights)
    doses = {("augment", "strong"): 1.0, ("dropout", "strong"): -1.0}
    assert shared.merged(weights) == doses and found.runs == 2 * RUNS
    assert found.low == pytest.approx(float(contrasts.contrast(shared, copied(shared), doses).low))


def test_the_null_over_baselines_takes_each_run_once() -> None:
    shared = design()
    rng = np.random.default_rng(0)
    assert similarity.baseline_null(shared, copied(shared, 5), rng, 9) is None  # three runs make no six groups
    assert similarity.baseline_null(design(dropout="two", weight_decay="three"), copied(shared, 5), rng, 9) is not None


def test_the_spread_between_runs_is_not_taken_from_copies() -> None:
    shared = design()
    values = copied(shared, 4)
    at = np.concatenate(
        [rows for (family, dose), rows in shared.rows.items() if dose == "strong" or family == "augment"]
    )
    alone = Design.of(
        pd.DataFrame([key for key, rows in shared.distinct.items() for _ in rows], columns=["family", "dose"]).assign(
            number=0.0
        )
    )
    once = values[np.concatenate(list(shared.distinct.values()))]
    assert len(once) == len(at) == 4 * RUNS
    assert contrasts.within(shared, values)[0] == pytest.approx(contrasts.within(alone, once)[0])
    assert similarity.dimensions(shared, values) == pytest.approx(similarity.dimensions(alone, once))


def study(*names: str) -> Setup:
    """A fake study whose families have copies of one set of baseline runs; those named have their own."""
    at = np.linspace(1, 5, 16)
    profiles = {"augment": 4 * at, "dropout": 4 * at, "weight_decay": 12 * (np.cos(np.arange(16)) - 1)}
    profiles |= {
        "duplicate": -4 * at,
        "label_noise": 12 * np.sin(1.7 * np.arange(16)),
        "steps": 9 * np.cos(np.arange(16)),
    }
    truth = simulate.Truth(seeds=5, profiles=profiles, levels={"augment": 0.05, "dropout": 0.05, "weight_decay": 0.1})
    made = simulate.tables(truth, np.random.default_rng(0))
    table = made["effects"].assign(usable=True)
    table["reference"] = table["family"].where(table["family"].isin(names), "bs")
    keys = ["reference", "dose", "seed", "layer", "part", "source", "metric"]
    first = table.groupby(keys)["value"].transform("first")
    table["value"] = table["value"].where(table["dose"] != "baseline", first)
    return next(setups({**made, "effects": effects.against_baseline(table)}, OPTIONS.metrics))


def test_no_control_compares_a_set_of_baseline_runs_with_its_copies() -> None:
    setup = study()
    values = {"log_norm": setup.metrics["log_norm"].mean()}
    found = a_a(setup, values, OPTIONS)
    assert not found.allows_verdict and found.outcome == "missing: all families share one set of baseline runs"
    own = a_a(study("dropout", "steps"), values, OPTIONS)
    assert "baselines of 3 families" in own.outcome
    for name in ("label_noise", "steps"):
        assert CONTROLS[name](setup, OPTIONS).outcome == f"missing: {similarity.SHARED}"


def test_no_claim_about_weights_has_a_verdict_from_one_set_of_baseline_runs() -> None:
    rows = {row.claim: row for row in claims.of_setup(study(), OPTIONS, ("C1", "C2", "C3", "C5"))[0]}
    assert {rows[name].verdict for name in ("C1", "C2", "C3", "C4", "C5")} == {"undecided"}
    assert "control A/A: missing: all families share one set" in rows["C3"].reason
    assert rows["C2"].reason == f"{similarity.SHARED}."


def test_some_families_with_the_same_baseline_leave_the_claim_about_patterns_undecided() -> None:
    own = replace(study("augment"), dataset="other")
    row = next(row for row in claims.of_setup(own, OPTIONS, ["C2"])[0] if row.claim == "C2")
    assert row.reason == f"{similarity.SHARED}." and "A/A: missing" not in row.controls
