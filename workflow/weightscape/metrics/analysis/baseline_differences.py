"""The A/A null: how far the baseline runs of two families differ, beside the smallest effect that could be detected.

Each pair of families gives one difference of the mean changes of their baselines, with Student's t interval. The
smallest detectable effect is that which a two-sided t test of n against n runs at 5 % finds with 80 % power (normal
approximation of the non-central t): (t(.975) + t(.8)) s sqrt(2 / n), s pooled within the baselines.
"""

import itertools

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from weightscape.families import BASELINE
from weightscape.formats.tables import Table
from weightscape.metrics.summaries import LEVEL, SETUP

POWER = 0.8


def of_baselines(run_effects: Table) -> Table:
    """The differences of every two families' baselines in each setup and metric, over the hidden layers."""
    kept = (run_effects["role"] == "hidden") & (run_effects["source"] == "change") & (run_effects["dose"] == BASELINE)
    keys = [*SETUP, "metric"]
    parts = [
        differences(rows).assign(**dict(zip(keys, key, strict=True)))
        for key, rows in run_effects[kept].groupby(keys, sort=False)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def differences(rows: Table) -> Table:
    """The differences between the baselines of some families; of a single family one row without a difference."""
    families = {str(name): part["value_mean"].dropna().to_numpy(float) for name, part in rows.groupby("family")}
    families = {name: values for name, values in families.items() if len(values)}
    df = sum(len(values) - 1 for values in families.values())
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in families.values())
    s = np.sqrt(squares / df) if df else np.nan
    n = min((len(values) for values in families.values()), default=0)
    t, power = stdtrit(df or np.nan, [0.5 + LEVEL / 2, POWER])
    found = []
    for one, other in itertools.combinations(families, 2):
        x, y = families[one], families[other]
        difference, half = x.mean() - y.mean(), t * s * np.sqrt(1 / len(x) + 1 / len(y))
        limits = {"difference": difference, "low": difference - half, "high": difference + half}
        found.append({"family": one, "other": other, **limits})
    single = {"family": next(iter(families), ""), "other": "", **dict.fromkeys(("difference", "low", "high"), np.nan)}
    detectable = (t + power) * s * np.sqrt(2 / n) if n else np.nan
    return pd.DataFrame(found or [single]).assign(detectable=detectable, n=n)
