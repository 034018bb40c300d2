"""Means by condition."""

import numpy as np
import pandas as pd

from weightscape.metrics.summaries import summarise


def test_summaries_skip_missing_values_and_have_no_spread_for_one_seed():
    table = pd.DataFrame({"dose": ["a", "a", "a", "b"], "value": [1.0, 3.0, np.nan, 5.0]})
    summary = summarise(table, ["dose"])
    assert list(summary["n"]) == [2, 1]
    assert list(summary["mean"]) == [2.0, 5.0]
    assert np.isnan(summary["sd"][1])
