"""The published procedure to the letter (Ba, Mancenido, Pan; arXiv 2410.14602), `method: published`.

Missing values count as 0; D = after - before per layer; rows where all four metrics have D = 0 are dropped; the effect
is D minus D of the baseline in the same data set and layer; then the mean over the conditions of a family within a
data set, and the mean over the data sets, layers matched by `layer_id` and the head, the largest id, by its role. The
tests take the layers of that mean as samples: one-way ANOVA, two-sample t-tests with pooled variance, Pearson's r.

What the text leaves open is read as its sequence runs: a layer that one of two tables lacks has no D, one that was
dropped in a condition or in the baseline has no effect there, and means are taken over what is left. -1 and infinity
are numbers. Seeds of a condition, which the paper does not have, are averaged first.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from weightscape.formats.tables import Column, Table
from weightscape.published.conditions import Conditions
from weightscape.published.settings import METRICS

METHOD = "published"
HEAD = "head"
ALL = "all"
"""Stands for the mean over the data sets where a data set is named."""
SCOPES: dict[str, Callable[[Table], Column]] = {
    "all_layers": lambda table: table["role"].notna(),
    "without_head": lambda table: table["role"] != HEAD,
    "head": lambda table: table["role"] == HEAD,
}
TESTED = ("all_layers", "without_head")
METRIC_COLUMNS = list(METRICS)
LAYER = ["layer", "layer_id", "role"]
SIDES = ("before", "after")
Row = dict[str, str | float | None]


def changes(layers: Table) -> Table:
    """D of each run and layer that both tables have, missing values as 0: metrics as columns, and `frozen`."""
    both = layers[layers["side"] == "both"]
    values = {role: both[[f"{metric}_{role}" for metric in METRICS]].fillna(0).to_numpy() for role in SIDES}
    with np.errstate(invalid="ignore"):  # infinity minus infinity is undefined, and stays so
        difference = values["after"] - values["before"]
    table = both[["dataset", "condition", "seed", "layer_id", "longname"]].reset_index(drop=True)
    table[METRIC_COLUMNS] = difference
    return table.assign(frozen=(difference == 0).all(axis=1))


def heads(live: Table, name: str | None = None) -> dict[str, int | None]:
    """The head's layer_id in each data set: the layer called `name`, else the largest id of a row that was trained."""
    named = live if name is None else live[live["longname"] == name]
    found = named.groupby("dataset")["layer_id"].max()
    return {dataset: int(found[dataset]) if dataset in found else None for dataset in live["dataset"].unique()}


def with_roles(table: Table, head: dict[str, int | None]) -> Table:
    """The table with `role` (head or hidden) and `layer`, by which layers are matched over data sets."""
    is_head = table["layer_id"] == table["dataset"].map(head)
    layer = table["layer_id"].astype(str).where(~is_head, HEAD)
    return table.assign(role=np.where(is_head, HEAD, "hidden"), layer=layer)


def effects(live: Table, conditions: Conditions) -> Table:
    """D - D of the family's baseline for each condition and layer that has both: columns family, condition, metrics."""
    mean = live.groupby(["dataset", "condition", *LAYER], as_index=False)[METRIC_COLUMNS].mean()
    parts = []
    for family, members in conditions.families.items():
        base = mean[mean["condition"] == conditions.baselines[family]].drop(columns="condition")
        own = mean[mean["condition"].isin(members)].merge(base, on=["dataset", *LAYER], suffixes=("", "_base"))
        with np.errstate(invalid="ignore"):
            for metric in METRICS:
                own[metric] = own[metric] - own[f"{metric}_base"]
        parts.append(own.assign(family=family))
    return pd.concat(parts, ignore_index=True)[["dataset", "family", "condition", *LAYER, *METRIC_COLUMNS]]


def family_means(effects: Table) -> Table:
    """The mean over a family's conditions in each data set, and their mean over data sets (`dataset` = ALL)."""
    within = effects.groupby(["dataset", "family", *LAYER], as_index=False)[METRIC_COLUMNS].mean()
    over = within.groupby(["family", "layer", "role"], as_index=False).agg(
        layer_id=("layer_id", "min"), **{metric: (metric, "mean") for metric in METRICS}
    )
    table = pd.concat([within, over.assign(dataset=ALL)], ignore_index=True)
    long = table.melt(["dataset", "family", *LAYER], METRIC_COLUMNS, "metric", "effect")
    return long.sort_values(["dataset", "metric", "family", "role", "layer_id"], kind="stable", ignore_index=True)


def statistics(means: Table, families: list[str]) -> Table:
    """The tidy table of all statistics; `family` and `other` name a pair, `n` counts the layers that enter."""
    rows = [
        {"dataset": dataset, "metric": metric, "scope": scope, **row}
        for (dataset, metric), part in means.groupby(["dataset", "metric"])
        for scope, chosen in SCOPES.items()
        for row in _scope(part[chosen(part)], families, scope in TESTED)
    ]
    columns = ["method", "dataset", "family", "other", "metric", "scope", "statistic", "value", "n"]
    return pd.DataFrame([{"method": METHOD, **row} for row in rows], columns=columns)


def _scope(part: Table, families: list[str], tested: bool) -> Iterator[Row]:
    """The statistics of one data set, metric and scope. Values without a number (an undefined D) are left out."""
    from scipy import stats

    known = part[part["effect"].notna()]
    wide = known.pivot_table(index="layer", columns="family", values="effect")
    present = [family for family in families if family in wide]
    samples = {family: wide[family].dropna() for family in present}
    for family, sample in samples.items():
        yield _row("mean", _mean(sample.to_numpy()), len(sample), family)
    if not tested:
        return
    yield _row("n_layers", float(len(wide)), len(wide))
    if len(present) < 2:
        return
    F, p = _test(stats.f_oneway, *(samples[family].to_numpy() for family in present))
    yield from (_row("anova_F", F, len(wide)), _row("anova_p", p, len(wide)))
    for one, other in itertools.combinations(present, 2):
        t, p = _test(stats.ttest_ind, samples[one].to_numpy(), samples[other].to_numpy())
        union = len(samples[one].index.union(samples[other].index))
        yield from (_row("t", t, union, one, other), _row("p", p, union, one, other))
        pairs = wide[[one, other]].dropna()
        yield _row("pearson", _pearson(*pairs.to_numpy().T), len(pairs), one, other)


def _row(statistic: str, value: float, n: int, family: str | None = None, other: str | None = None) -> Row:
    return {"family": family, "other": other, "statistic": statistic, "value": value, "n": n}


def _mean(sample: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        return float(sample.mean())


def _testable(*samples: np.ndarray) -> bool:
    """Whether every sample has two finite values at least, and any of them a spread."""
    whole = all(len(sample) > 1 and np.isfinite(sample).all() for sample in samples)
    return whole and any(np.ptp(sample) > 0 for sample in samples)


def _test(test: Callable[..., Any], *samples: np.ndarray) -> tuple[float, float]:
    """Statistic and p of a test of equal means; NaN where it is not defined."""
    if not _testable(*samples):
        return np.nan, np.nan
    statistic, p = test(*samples)
    return float(statistic), float(p)


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if _testable(x) and _testable(y) else np.nan
