"""Means of each condition with their intervals, for everything that the page shows by condition.

The interval of an effect is that of `contrasts`: the wider of two t intervals of the difference from the family's own
baseline, with the variance pooled over the family's conditions, and with that of the two conditions alone. Here a
condition's value may be missing in some of its runs. The interval of an outcome is Student's t interval of its mean.

The A/A null: each pair of families gives one difference of the mean changes of their baselines, with Student's t
interval. The smallest detectable effect is that which a two-sided t test of n against n runs at alpha finds with 80 %
power (normal approximation of the non-central t): (t(1 - alpha / 2) + t(.8)) s sqrt(2 / n), s pooled within the
baselines. All intervals are at `level`, 1 - alpha.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from weightscape.families import BASELINE
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import wider
from weightscape.metrics.summaries import CONDITION, SETUP, summarise

POWER = 0.8
PLACE = ["layer", "part", "role", "source", "metric"]


def of_effects(effects: Table, run_effects: Table, level: float) -> Table:
    """The mean effect of each condition on each layer, and on the mean over the layers of a role (`layer` is empty)."""
    means = run_effects.rename(columns={"effect_mean": "effect", "value_mean": "value"}).assign(layer="", part="")
    parts = []
    for table in (effects, means):
        keys = [*CONDITION, *PLACE]
        found = summarise(table, keys, "effect")
        found = found.assign(change=summarise(table, keys, "value")["mean"].to_numpy())
        reference = (found["dose"] == BASELINE) & found["mean"].notna()  # its effect is 0; sums leave some 1e-19
        found = found.assign(mean=found["mean"].mask(reference, 0.0))
        parts.append(against_baseline(found, level, [*SETUP, "family", *PLACE]))
    return pd.concat(parts, ignore_index=True)


def against_baseline(table: Table, level: float, within: Sequence[str] = (*SETUP, "family")) -> Table:
    """Add low, high and df: the interval of each condition's difference from the baseline of its group `within`."""
    group = table.groupby(list(within), sort=False, dropna=False).ngroup()
    n, freedom = table["n"].to_numpy(float), (table["n"] - 1).clip(lower=0)
    squares = (freedom * table["sd"].fillna(0.0) ** 2).groupby(group).transform("sum").to_numpy(float)
    together = freedom.groupby(group).transform("sum").to_numpy(float)
    at_baseline = table["dose"] == BASELINE
    n0, sd0 = (table[name].where(at_baseline).groupby(group).transform("max").to_numpy(float) for name in ("n", "sd"))
    own, base = table["sd"].to_numpy(float) ** 2 / n, sd0**2 / n0
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = squares / np.where(together > 0, together, np.nan) * (1 / n + 1 / n0)
        welch = np.where(
            own + base == 0, np.minimum(n, n0) - 1, (own + base) ** 2 / (own**2 / (n - 1) + base**2 / (n0 - 1))
        )
    mean = table["mean"].to_numpy(float)
    estimates = [(pooled, np.where(together > 0, together, np.nan)), (own + base, np.where(welch > 0, welch, np.nan))]
    half, _, df, *_ = wider(mean, estimates, level)
    half = np.where(at_baseline, np.nan, half)
    return table.assign(df=np.where(np.isfinite(half), df, together), low=mean - half, high=mean + half)


def of_outcomes(runs: Table, level: float) -> Table:
    """The mean of each condition's outcomes (column `measure`) with Student's t interval; none for one run."""
    table = summarise(runs, [*CONDITION, "measure"]).rename(columns={"measure": "outcome"})
    n = table["n"].where(table["n"] > 1).to_numpy(float)
    half = stdtrit(n - 1, 0.5 + level / 2) * table["sd"].to_numpy(float) / np.sqrt(n)
    return table.assign(low=table["mean"] - half, high=table["mean"] + half)


def of_baselines(run_effects: Table, level: float) -> Table:
    """The differences of every two families' baselines in each setup and metric, over the hidden layers."""
    kept = (run_effects["role"] == "hidden") & (run_effects["source"] == "change") & (run_effects["dose"] == BASELINE)
    keys = [*SETUP, "metric"]
    parts = [
        differences(rows, level).assign(**dict(zip(keys, key, strict=True)))
        for key, rows in run_effects[kept].groupby(keys, sort=False)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def differences(rows: Table, level: float) -> Table:
    """The differences between the baselines of some families; of a single family one row without a difference."""
    families = {str(name): part["value_mean"].dropna().to_numpy(float) for name, part in rows.groupby("family")}
    families = {name: values for name, values in families.items() if len(values)}
    df = sum(len(values) - 1 for values in families.values())
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in families.values())
    s = np.sqrt(squares / df) if df else np.nan
    n = min((len(values) for values in families.values()), default=0)
    t, power = stdtrit(df or np.nan, [0.5 + level / 2, POWER])
    found = []
    for one, other in itertools.combinations(families, 2):
        x, y = families[one], families[other]
        difference, half = x.mean() - y.mean(), t * s * np.sqrt(1 / len(x) + 1 / len(y))
        limits = {"difference": difference, "low": difference - half, "high": difference + half}
        found.append({"family": one, "other": other, **limits})
    single = {"family": next(iter(families), ""), "other": "", "difference": np.nan, "low": np.nan, "high": np.nan}
    detectable = (t + power) * s * np.sqrt(2 / n) if n else np.nan
    return pd.DataFrame(found or [single]).assign(detectable=detectable, n=n)
