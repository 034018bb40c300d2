"""Tables of estimates that are no claims."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, options, tables
from weightscape.metrics.analysis import estimates
from weightscape.metrics.analysis.setups import setups


def test_pairs_of_families_have_a_corrected_cosine_only_where_both_profiles_have_a_direction():
    profiles = {"augment": 6 * RISING, "noise": 9 * RISING, "dropout": -6 * RISING}
    setup = next(setups(tables(simulate.Truth(seeds=5, profiles=profiles)), OPTIONS.metrics))
    found = estimates.similarities(setup, OPTIONS).query("metric == 'log_norm'").set_index(["family", "other"])
    assert found.loc[("augment", "noise"), "corrected"] == pytest.approx(1, abs=0.1)
    assert found.loc[("augment", "dropout"), "high"] < -0.5
    silent = found[[pair[0] != pair[1] and "steps" in pair for pair in found.index]]
    assert len(silent) and np.isnan(silent["corrected"]).all() and np.isfinite(silent["cosine"]).all()
    assert (found["corrected"].dropna().abs() < 1.2).all()
    of_two = next(setups(tables(simulate.Truth(seeds=2, pool=6, profiles=profiles)), OPTIONS.metrics))
    assert estimates.similarities(of_two, OPTIONS)["corrected"].isna().all()


def test_a_mean_over_layers_has_its_range_without_any_one_layer_and_names_the_heaviest():
    profile = np.zeros(16)
    profile[5] = 160.0
    truth = simulate.Truth(seeds=3, metrics=("log_norm",), families=("augment", "steps"), profiles={"augment": profile})
    setup = simulate.setup(truth, np.random.default_rng(0))
    table = estimates.condition_effects(setup, options(metrics=["log_norm"])).set_index(["family", "dose", "scope"])
    row, head = table.loc["augment", "d2", "hidden"], table.loc["augment", "d2", "head"]
    assert row["heaviest_layer"] == "layer05" and row["estimate"] == pytest.approx(10, abs=1)
    layers, weights = setup.metrics["log_norm"].hidden, setup.design.effect("augment", "d2")
    effects = sum(weight * layers[setup.design.rows[c]].mean(axis=0) for c, weight in weights.items())
    without = [np.delete(effects, layer).mean() for layer in range(16)]
    assert (row["least_without"], row["most_without"]) == pytest.approx((min(without), max(without)))
    assert np.isnan(head["least_without"]) and head["heaviest_layer"] == ""
    conv = table.loc["augment", "d2", "conv2d"]
    assert conv["heaviest_layer"] == "layer05" and conv["least_without"] == pytest.approx(
        np.delete(effects[1::2], 2).mean()
    )


def test_outcomes_have_effects_beside_the_spectra_and_none_where_they_were_not_measured():
    truth = simulate.Truth(seeds=4, families=("augment", "steps"))
    setup = simulate.setup(truth, np.random.default_rng(0))
    accuracy = setup.outcomes["ood"].copy()
    accuracy[setup.design.rows["augment", "d2"]] += 0.25
    curvature = np.ones(len(accuracy))
    curvature[setup.design.rows["steps", "d1"][0]] = np.nan
    setup = replace(setup, outcomes={"ood": accuracy, "weighted_trace": curvature})
    table = estimates.condition_effects(setup, options(metrics=["log_norm"])).query("scope == 'outcome'")
    ood = table.query("metric == 'OOD accuracy'").set_index(["family", "dose"])
    means = {condition: accuracy[rows].mean() for condition, rows in setup.design.rows.items()}
    for condition, row in ood.iterrows():
        assert row["estimate"] == pytest.approx(means[condition] - means["baseline", "baseline"])
        assert (row["unit"], row["layers"]) == ("share", 0)
    assert ood.loc[("augment", "d2"), "low"] > 0.1
    measured = set(table.query("metric == 'ln curvature'").set_index(["family", "dose"]).index)
    assert measured == set(ood.index) - {("steps", "d1")}
