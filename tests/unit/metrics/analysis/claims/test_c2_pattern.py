"""C2: patterns over layers, and the controls of their specificity."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, tables, truth, verdicts
from weightscape import words
from weightscape.families import DIVERSITY_FAMILIES
from weightscape.metrics.analysis import estimates
from weightscape.metrics.analysis.claims import table as claims
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


def test_doses_matched_on_diversity_have_slopes_for_data_families_and_leave_c2_undecided():
    made = tables(truth("dropout", vendi={"pixels": 0.5}))
    options = replace(OPTIONS, match="diversity")
    setup = next(setups(made, OPTIONS.metrics, "diversity"))
    slopes = estimates.slopes(setup, options).query("per == 'diversity'")
    assert "augment" in set(slopes["family"]) and set(slopes["family"]) <= {*DIVERSITY_FAMILIES}
    reason = claims.of_setup(setup, options, ["C2"])[0][0].reason
    assert reason.startswith("match: diversity matches data families only")


def test_doses_matched_on_the_loss_on_training_images_are_compared():
    made = tables(truth("dropout"))
    level = made["layers"]["relative_norm"].to_numpy()
    loss = made["evaluation"].query("split == 'test'").assign(split="train", nll=0.5 - level)
    made["evaluation"] = pd.concat([made["evaluation"].query("split != 'train'"), loss])
    setup = next(setups(made, OPTIONS.metrics, "train_loss"))
    found = claims.of_setup(setup, replace(OPTIONS, match="train_loss"), ["C2"])[0][0]
    assert found.verdict == "supported", found.reason
