"""Means of each condition with their intervals, for everything that the page shows by condition.

The interval of an effect is that of `contrasts`, with the variance of each condition moderated over all. Here a
condition's value may be missing in some of its runs. The interval of an outcome is Student's t interval of its mean.

The A/A null: each of some random splits of the baseline runs into halves gives one difference of their mean changes,
with Student's t interval. The smallest detectable effect is that which a two-sided t test of n runs against the m of
the baseline at alpha finds with 80 % power (normal approximation of the non-central t):
(t(1 - alpha / 2) + t(.8)) s sqrt(1 / n + 1 / m), s pooled within all conditions. All intervals are at `level`,
1 - alpha.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from weightscape.families import BASELINE
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import moderated, satterthwaite
from weightscape.metrics.summaries import CONDITION, SETUP, summarise

POWER = 0.8
SPLITS = 20
"""Random splits of the baseline runs that are shown."""
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
        parts.append(against_baseline(found, level, [*SETUP, *PLACE]))
    return pd.concat(parts, ignore_index=True)


def against_baseline(table: Table, level: float, within: Sequence[str] = SETUP) -> Table:
    """Add low, high and df: the interval of each condition's difference from the baseline of its group `within`."""
    places, conditions = (
        table.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy() for keys in (within, ["family", "dose"])
    )
    shape = conditions.max(initial=-1) + 1, places.max(initial=-1) + 1
    n, variance = table["n"].to_numpy(float), table["sd"].to_numpy(float) ** 2
    own, df = np.full(shape, np.nan), np.zeros(shape)
    own[conditions, places], df[conditions, places] = variance, np.maximum(n - 1, 0)
    drawn = moderated(own, df)
    at_pool = (table["dose"] == BASELINE).to_numpy()
    base_n, base_variance, base_df = (np.full(shape[1], np.nan) for _ in range(3))
    base_n[places[at_pool]] = n[at_pool]
    base_variance[places[at_pool]] = drawn.variance[conditions[at_pool], places[at_pool]]
    base_df[places[at_pool]] = drawn.df[conditions[at_pool], places[at_pool]]
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.stack([drawn.variance[conditions, places] / n, (base_variance / base_n)[places]])
    error, freedom = satterthwaite(parts, np.stack([drawn.df[conditions, places], base_df[places]]))
    freedom = np.minimum(freedom, drawn.pooled_df[places])
    half = np.where(at_pool, np.nan, stdtrit(freedom, 0.5 + level / 2) * error)
    mean = table["mean"].to_numpy(float)
    df = np.where(np.isfinite(half), freedom, drawn.pooled_df[places])
    return table.assign(df=df, low=mean - half, high=mean + half)


def of_outcomes(runs: Table, level: float) -> Table:
    """The mean of each condition's outcomes (column `measure`) with Student's t interval; none for one run."""
    table = summarise(runs, [*CONDITION, "measure"]).rename(columns={"measure": "outcome"})
    n = table["n"].where(table["n"] > 1).to_numpy(float)
    half = stdtrit(n - 1, 0.5 + level / 2) * table["sd"].to_numpy(float) / np.sqrt(n)
    return table.assign(low=table["mean"] - half, high=table["mean"] + half)


def of_baselines(run_effects: Table, level: float) -> Table:
    """Differences between random halves of the baseline runs in each setup and metric, over the hidden layers."""
    kept = (run_effects["role"] == "hidden") & (run_effects["source"] == "change")
    keys = [*SETUP, "metric"]
    parts = [
        differences(rows, level).assign(**dict(zip(keys, key, strict=True)))
        for key, rows in run_effects[kept].groupby(keys, sort=False)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def differences(rows: Table, level: float) -> Table:
    """The differences of some splits of the baseline runs; one row without a difference for fewer than four runs.

    `rows` has one run each: family, dose and value_mean.
    """
    groups = rows.dropna(subset="value_mean").groupby(["family", "dose"])["value_mean"]
    values = {dose: part.to_numpy(float) for (_, dose), part in groups if dose == BASELINE}.get(BASELINE, np.empty(0))
    sizes, m = groups.size().to_numpy(), len(values)
    df = float((sizes - 1).sum())
    s = np.sqrt(((sizes - 1) * groups.var().fillna(0.0).to_numpy()).sum() / df) if df else np.nan
    n = int(sizes.min()) if len(sizes) else 0
    t, power = stdtrit(df or np.nan, [0.5 + level / 2, POWER])
    found = []
    rng = np.random.default_rng(0)
    for split in range(SPLITS if m > 3 else 0):
        x, y = np.array_split(rng.permutation(values), 2)
        pooled = (((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / (m - 2)
        half = stdtrit(m - 2, 0.5 + level / 2) * np.sqrt(pooled * (1 / len(x) + 1 / len(y)))
        difference = x.mean() - y.mean()
        found.append({"split": split, "difference": difference, "low": difference - half, "high": difference + half})
    single = {"split": 0, "difference": np.nan, "low": np.nan, "high": np.nan}
    detectable = (t + power) * s * np.sqrt(1 / n + 1 / m) if n and m else np.nan
    return pd.DataFrame(found or [single]).assign(detectable=detectable, n=n)
