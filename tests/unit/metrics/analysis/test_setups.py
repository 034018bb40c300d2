"""Doses without numbers have no order, so that none is the strongest; outcomes of each run."""

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.setups import setups

OPTIONS = options(metrics=["log_norm"], draws=99)


def effects_of(truth: simulate.Truth) -> dict[str, pd.DataFrame]:
    made = simulate.tables(truth, np.random.default_rng(0))
    return {"effects": effects.against_baseline(made["effects"].query("metric == 'log_norm'").assign(usable=True))}


def test_doses_without_numbers_have_no_strongest_one_and_those_with_numbers_stand_alone():
    made = effects_of(simulate.Truth(seeds=3))
    dosed = made["effects"]["family"].eq("augment") & made["effects"]["dose"].ne("baseline")
    made["effects"]["number"] = made["effects"]["number"].mask(dosed & made["effects"]["dose"].eq("d2"))
    design = next(setups(made, OPTIONS.metrics)).design
    assert design.doses("augment") == ["d0", "d1"] and design.strongest("augment") == "d1"
    made["effects"]["number"] = made["effects"]["number"].mask(dosed)
    setup = next(setups(made, OPTIONS.metrics))
    found = table.of_setup(setup, OPTIONS, ("C1", "C2", "C3", "C5"))[0]
    assert {row.reason for row in found if row.claim != "C4"} == {"the doses of augment have no numbers."}
    assert setup.design.strongest("augment") is None and setup.design.strongest("dropout") == "d2"


def test_the_generalisation_gap_is_that_in_evaluation_mode_and_not_that_of_training_batches():
    made = simulate.tables(simulate.Truth(seeds=3), np.random.default_rng(0)) | effects_of(simulate.Truth(seeds=3))
    assert (made["runs"]["train_accuracy"] < 0.5).all()  # as of batches with altered images and labels
    found = next(setups(made, OPTIONS.metrics)).outcomes
    assert found["gap"] == pytest.approx(0.95 - found["test"])
    made["evaluation"] = made["evaluation"].query("split != 'train'")
    assert "gap" not in next(setups(made, OPTIONS.metrics)).outcomes


def test_sizes_of_updates_are_means_over_the_layers_that_move_in_every_run():
    """A layer without a gradient moves under weight decay alone, and leaves rounding without its shrinkage."""
    made = simulate.tables(simulate.Truth(seeds=3), np.random.default_rng(0)) | effects_of(simulate.Truth(seeds=3))
    still = made["layers"].assign(layer="q", status="all zeros", relative_norm=np.nan)
    still.loc[still["family"] == "weight_decay", ["status", "relative_norm"]] = "ok", 1e-15
    moved = next(setups(made, OPTIONS.metrics)).outcomes["relative_change"]
    made["layers"] = pd.concat([made["layers"], still], ignore_index=True)
    assert next(setups(made, OPTIONS.metrics)).outcomes["relative_change"] == pytest.approx(moved, rel=1e-12)


def test_diversity_is_the_dose_of_the_largest_embedding_vendi_score_that_is_left():
    truth = simulate.Truth(seeds=3, vendi={simulate.BACKBONE: 0.0})
    made = simulate.tables(truth, np.random.default_rng(0)) | effects_of(truth)
    scores = made["diversity"]
    own = (scores["measure"] == "vendi_1") & (scores["space"] == simulate.BACKBONE) & (scores["family"] == "augment")
    own_tie = scores.copy()
    scores.loc[own, "value"] *= scores.loc[own, "dose"].map({"baseline": 1.0, "d0": 1.1, "d1": 1.4, "d2": 1.2})
    design = next(setups(made, OPTIONS.metrics)).design
    assert design.strongest("augment") == "d1" and design.strongest("dropout") == "d2"
    assert design.without([("augment", "d1")]).strongest("augment") == "d2"
    assert design.without([("augment", "d1"), ("augment", "d2")]).strongest("augment") == "d0"
    scores.loc[own, "value"] = own_tie.loc[own, "value"] + 1e-3 * own_tie.loc[own, "dose"].eq("d0")
    assert next(setups(made, OPTIONS.metrics)).design.strongest("augment") == "d2"  # told apart by no run
    made["diversity"] = own_tie[own_tie["space"] == "pixels"]
    assert next(setups(made, OPTIONS.metrics)).design.strongest("augment") == "d2"
