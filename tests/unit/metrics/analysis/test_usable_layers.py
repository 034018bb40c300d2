"""Runs and layers without a usable value are left out of an analysis, and are named."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics.planted import OPTIONS, of_tables, tables, truth
from weightscape.metrics import effects
from weightscape.metrics.analysis import usable_layers
from weightscape.metrics.analysis.analyse import analysed


def test_layers_without_a_usable_value_in_some_run_are_left_out_and_counted():
    made = tables(truth("dropout"))
    bad = (made["effects"]["layer"] == "layer03") & (made["effects"]["seed"] == 2)
    made["effects"].loc[bad & (made["effects"]["metric"] == "entropy"), "usable"] = False
    found = analysed(made, OPTIONS)["condition_effects"].query("scope == 'hidden'").groupby("metric").first()
    assert found.loc["entropy", ["layers", "excluded_layers"]].to_list() == [15, 1]
    assert found.loc["log_norm", ["layers", "excluded_layers"]].to_list() == [16, 0]


def test_the_effects_of_runs_are_means_over_the_layers_that_tests_see():
    made = tables(truth("dropout"))
    bad = (made["effects"]["layer"] == "layer03") & (made["effects"]["seed"] == 2)
    made["effects"].loc[bad & (made["effects"]["metric"] == "entropy"), "usable"] = False
    lacking = made["effects"].eval("family == 'baseline' and seed == 1 and layer > 'layer04'")
    made["effects"] = made["effects"][~lacking]
    runs = effects.per_run(effects.against_baseline(usable_layers.common(made["effects"], OPTIONS.metrics)))
    runs = runs.query("role == 'hidden' and source == 'change'")
    condition = ["family", "dose", "metric"]
    found = analysed(made, OPTIONS)["condition_effects"].query("scope == 'hidden'").set_index(condition)
    means = runs.groupby(condition)["effect_mean"].mean().loc[found.index]
    assert means.to_numpy() == pytest.approx(found["estimate"].to_numpy(), abs=1e-12)
    assert set(runs.loc[runs["metric"] == "entropy", "layers"]) == {15}
    assert set(runs.loc[runs["metric"] == "log_norm", "layers"]) == {16}


def test_a_run_without_most_of_its_layers_is_left_out_and_no_layer_with_it():
    made = tables(truth("dropout"))
    of_run = made["effects"].eval("family == 'noise' and dose == 'd1' and seed == 2")
    kept = made["effects"][~(of_run & (made["effects"]["layer"] > "layer04"))]
    for less in (kept, made["effects"][~of_run]):
        found = analysed({**made, "effects": less}, OPTIONS)
        (row,) = found["excluded"].to_dict("records")
        assert (row["what"], row["name"], row["n"]) == ("run", "noise/d1/2", 1)
        assert row["reason"].endswith("left out of all tests")
        effects = found["condition_effects"].query("scope == 'hidden'")
        assert set(effects["layers"]) == {16} and set(effects["excluded_layers"]) == {0}
        assert set(effects.query("family == 'noise' and dose == 'd1'")["n"]) == {19}
        assert set(effects.query("family == 'dropout'")["n"]) == {20}


def test_every_layer_that_is_left_out_is_named_with_the_runs_that_lack_it():
    made = tables(truth("dropout"))
    bad = made["effects"].eval("layer == 'layer03' and family == 'noise' and seed == 2 and metric == 'entropy'")
    made["effects"].loc[bad, "value"] = np.nan
    never = made["layers"].assign(layer="depthwise", status="too small", matrix="after")
    made["layers"] = pd.concat([made["layers"], never])
    found = analysed(made, OPTIONS)["excluded"].set_index("name")
    assert set(found.index) == {"layer03/weight", "depthwise/weight"}
    assert found.loc["layer03/weight", ["metric", "n"]].to_list() == ["entropy", 2]
    assert "(not in noise/d0/2, noise/d1/2" in found.loc["layer03/weight", "reason"]
    assert found.loc["depthwise/weight", "reason"] == "status: too small"


def test_no_usable_layer_at_all_is_the_reason():
    made = tables(truth("dropout"))
    made["effects"]["usable"] = made["effects"]["metric"] != "log_norm"
    found = of_tables(made)["reason"]
    assert "no hidden layer has a usable log10 norm" in found["C1"]
    assert "no hidden layer has a usable log10 norm" in found["C2"]


def test_a_run_whose_tails_are_too_short_in_most_layers_is_left_out_of_nothing_else():
    made = tables(truth("dropout"))
    made["effects"]["metric"] = made["effects"]["metric"].replace("entropy", "alpha")
    short = made["effects"].eval("family == 'noise' and seed == 2 and metric == 'alpha' and layer > 'layer04'")
    made["effects"].loc[short, "usable"] = False
    found = analysed(made, replace(OPTIONS, metrics=("log_norm", "alpha")))
    effects = found["condition_effects"].query("scope == 'hidden' and family == 'noise'").set_index("metric")
    assert set(effects["n"]) == {20} and set(found["excluded"]["what"]) == {"layer"}
    assert set(effects.loc["alpha", "layers"]) < {*range(16)} and set(effects.loc["log_norm", "layers"]) == {16}
