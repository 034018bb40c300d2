"""The A/A null against scipy's tests."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis.condition_intervals import SPLITS, differences


def rows(**doses: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        [{"family": "f", "dose": name, "value_mean": v} for name, values in doses.items() for v in values]
    )


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_halves_of_the_baseline_runs_have_students_interval_and_what_can_be_detected_has_the_stated_power(level: float):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60), rng.normal(size=30)
    found = differences(rows(baseline=x, strong=y), level)
    assert len(found) == SPLITS and (found["n"] == 30).all()
    first = np.random.default_rng(0).permutation(x)
    span = stats.ttest_ind(first[:30], first[30:]).confidence_interval(level)
    expected = [first[:30].mean() - first[30:].mean(), *span]
    assert found.loc[0, ["difference", "low", "high"]].tolist() == pytest.approx(expected)
    s = np.sqrt((59 * x.var(ddof=1) + 29 * y.var(ddof=1)) / 88)
    shifted = stats.nct(88, found["detectable"][0] / (s * np.sqrt(1 / 30 + 1 / 60)))
    assert shifted.sf(stats.t(88).ppf(0.5 + level / 2)) == pytest.approx(0.8, abs=0.01)


def test_few_baseline_runs_have_a_detectable_effect_but_no_difference_and_single_runs_have_neither():
    found = differences(rows(baseline=np.array([1.0, 2.0, 4.0]), weak=np.array([1.0, 2.0])), 0.95)
    assert found["difference"].isna().all() and (found["detectable"] > 0).all() and found["n"].tolist() == [2]
    found = differences(rows(baseline=np.array([1.0]), weak=np.array([2.0])), 0.95)
    assert found[["difference", "low", "detectable"]].isna().all(axis=None)
