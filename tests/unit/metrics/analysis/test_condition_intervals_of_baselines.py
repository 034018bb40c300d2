"""The A/A null against scipy's tests."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis.condition_intervals import differences


def rows(**families: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame([{"family": name, "value_mean": v} for name, values in families.items() for v in values])


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_interval_of_two_baselines_is_students_and_what_can_be_detected_has_the_stated_power(level: float):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40), rng.normal(size=40)
    found = differences(rows(augment=x, dropout=y), level).iloc[0]
    span = stats.ttest_ind(x, y).confidence_interval(level)
    assert [found["difference"], found["low"], found["high"]] == pytest.approx([x.mean() - y.mean(), *span])
    s = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
    shifted = stats.nct(78, found["detectable"] / (s * np.sqrt(2 / 40)))
    assert shifted.sf(stats.t(78).ppf(0.5 + level / 2)) == pytest.approx(0.8, abs=0.01)


def test_a_single_family_has_a_detectable_effect_but_no_difference_and_single_runs_have_neither():
    found = differences(rows(augment=np.array([1.0, 2.0, 4.0])), 0.95)
    assert found["difference"].isna().all() and (found["detectable"] > 0).all() and found["n"].tolist() == [3]
    found = differences(rows(augment=np.array([1.0]), dropout=np.array([2.0])), 0.95)
    assert found["difference"].tolist() == [-1.0]
    assert found["low"].isna().all() and found["detectable"].isna().all()
