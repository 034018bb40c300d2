"""Intervals of conditions, against Student's and Welch's and against those of the analysis."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics import outcomes
from weightscape.metrics.analysis import condition_intervals
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.summaries import CONDITION, summarise

LEVEL = 0.9
SETUP = {"dataset": "d", "backbone": "b", "family": "augment"}


def test_the_interval_of_an_outcome_is_students_and_unknown_for_one_run():
    values = np.array([1.0, 2.0, 4.0, 4.5])
    runs = pd.DataFrame([SETUP | {"dose": "weak", "number": 1.0, "measure": "test", "value": v} for v in values])
    one = runs.head(1).assign(dose="strong")
    found = condition_intervals.of_outcomes(pd.concat([runs, one]), LEVEL).set_index("dose")
    low, high = stats.t.interval(LEVEL, 3, values.mean(), values.std(ddof=1) / 2)
    assert found.loc["weak", ["low", "high"]].tolist() == pytest.approx([low, high])
    assert found["mean"]["strong"] == 1 and np.isnan(found["low"]["strong"])


def test_the_pages_intervals_are_those_of_the_analysis():
    rng = np.random.default_rng(3)
    doses = np.repeat(["baseline", "weak", "strong"], [9, 3, 4])
    values = rng.normal(0, np.repeat([1.0, 0.3, 4.0], [9, 3, 4]))
    rows = [
        SETUP | {"family": "baseline" if dose == "baseline" else "augment", "dose": dose, "number": 0.0, "value": v}
        for dose, v in zip(doses, values, strict=True)
    ]
    shown = condition_intervals.against_baseline(summarise(pd.DataFrame(rows), CONDITION), LEVEL).set_index("dose")
    design = Design.of(pd.DataFrame(rows))
    for dose in ("weak", "strong"):
        found = contrast(design, values, design.effect("augment", dose), LEVEL)
        assert shown["high"][dose] - shown["low"][dose] == pytest.approx(float(found.high - found.low))
        assert shown["df"][dose] == pytest.approx(float(found.df))


def test_the_effect_of_a_baseline_is_zero_and_layers_stand_beside_their_mean():
    runs = [SETUP | {"dose": dose, "number": 0.0, "seed": seed} for dose in ("baseline", "weak") for seed in range(3)]
    place = {"role": "hidden", "source": "change", "metric": "alpha"}
    rng = np.random.default_rng(0)
    rows = [run | place | {"layer": name, "part": "weight"} for run in runs for name in ("one", "two")]
    effects = pd.DataFrame(rows).assign(value=rng.normal(size=12), effect=rng.normal(size=12))
    means = pd.DataFrame([run | place for run in runs]).assign(value_mean=1.0, effect_mean=rng.normal(size=6))
    found = condition_intervals.of_effects(effects, means, LEVEL)
    assert sorted(found["layer"].unique()) == ["", "one", "two"] and len(found) == 6
    assert (found.loc[found["dose"] == "baseline", "mean"] == 0).all()


def test_a_study_without_an_evaluation_has_no_outcomes():
    from weightscape.metrics import table_schema

    runs = outcomes.of_all_runs(table_schema.empty("evaluation"), table_schema.empty("diversity"), [("d", "b")])
    assert condition_intervals.of_outcomes(runs, LEVEL).empty
