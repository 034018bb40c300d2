"""Means of effects over setups, against scipy's t test of one sample."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis import over_setups

SETUPS = [(dataset, backbone) for dataset in ("digits", "clothes") for backbone in ("one", "two")]
VALUES = [0.1, 0.3, -0.2, 0.4]


def made(values: list[float], scope: str = "hidden", dose: str = "strong") -> pd.DataFrame:
    keys = pd.DataFrame(SETUPS, columns=["dataset", "backbone"])
    columns = {"family": "augment", "dose": dose, "metric": "log_norm", "scope": scope, "unit": "log10"}
    return keys.assign(**columns, estimate=values, low=np.subtract(values, 0.15), high=np.add(values, 0.15))


def conditions(*stands: bool) -> pd.DataFrame:
    keys = pd.DataFrame(SETUPS, columns=["dataset", "backbone"]).assign(family="augment")
    return pd.concat(
        [keys.assign(dose="strong", stands=list(stands)), keys.assign(dose="weak", stands=~np.array(stands))]
    )


def test_the_mean_has_the_interval_of_a_t_test_whose_samples_are_setups():
    (row,) = over_setups.table(made(VALUES), conditions(*[True] * 4), 0.95).to_dict("records")
    expected = stats.ttest_1samp(VALUES, 0.0)
    interval = expected.confidence_interval(0.95)
    assert row["estimate"] == pytest.approx(np.mean(VALUES)) and row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert (row["least"], row["most"], row["setups"]) == (-0.2, 0.4, 4)
    assert (row["above"], row["below"]) == (2, 1)


def test_each_setup_gives_the_dose_that_stands_there():
    effects = pd.concat([made(VALUES), made([9.0] * 4, dose="weak")])
    (row,) = over_setups.table(effects, conditions(True, True, True, False), 0.95).to_dict("records")
    assert row["most"] == 9.0 and row["estimate"] == pytest.approx((0.1 + 0.3 - 0.2 + 9) / 4)


def test_setups_without_a_value_do_not_count_and_one_alone_has_no_mean():
    (row,) = over_setups.table(made([0.1, np.nan, 0.3, np.nan]), conditions(*[True] * 4), 0.95).to_dict("records")
    assert row["setups"] == 2 and row["estimate"] == pytest.approx(0.2)
    assert over_setups.table(made([0.1, *[np.nan] * 3]), conditions(*[True] * 4), 0.95).empty
    assert over_setups.table(made(VALUES, scope="conv2d"), conditions(*[True] * 4), 0.95).empty
    assert over_setups.table(pd.DataFrame(), conditions(*[True] * 4), 0.95).empty
