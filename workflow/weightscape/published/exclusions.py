"""Counts the values that each analysis left out or filled in, by method, data set, condition, metric and reason.

`n` counts layers, summed over the seeds of a condition; `metric` is empty where a whole layer is meant.
"""

import numpy as np
import pandas as pd

from weightscape.formats.tables import Column, Table
from weightscape.metrics.effects import TAIL
from weightscape.published.conditions import Conditions
from weightscape.published.settings import METRICS

PUBLISHED, OURS = "published", "ours"
ONE_TABLE = "layer in one of the two tables only: left out"
FROZEN = "layer frozen (no metric changed): left out"
NO_BASELINE = "layer without a change in the baseline: left out"
NO_REFERENCE = "layer whose baseline has no usable value: left out"
MISSING_IS_ZERO = "missing value: counted as 0"
INFINITE = "infinite value: kept, so that what it enters is infinite or undefined"
FAILED_KEPT = "failed fit (alpha = -1): kept as a number"
UNDEFINED = "infinity minus infinity: left out"
REASONS = {
    "missing": "missing value: left out",
    "infinite": "infinite value: left out",
    "failed": "failed fit (alpha not above 0): left out",
    "unreliable": (
        f"tail exponent of fewer than {TAIL['num_evals']} eigenvalues or {TAIL['num_pl_spikes']} in the tail, "
        "or with a failed status: left out"
    ),
}
UNTESTED = "layer without a usable value in some run: left out of the tests of all"
COLUMNS = ["method", "dataset", "condition", "metric", "reason", "n"]


def counted(method: str, rows: Table, reason: str, metric: str = "") -> Table:
    """The number of rows by data set and condition, as rows of the table of exclusions."""
    counts = rows.groupby(["dataset", "condition"]).size().rename("n").reset_index()
    return counts.assign(method=method, metric=metric, reason=reason)[COLUMNS]


def whole_layers(method: str, layers: Table, changes: Table, conditions: Conditions) -> Table:
    """Layers that one table lacks, that are frozen, or that the baseline has no change of."""
    live = changes[~changes["frozen"]]
    base = {name: _layers(live[live["condition"] == name]) for name in set(conditions.baselines.values())}
    pooled = live[~live["condition"].isin(base)]
    against = pooled["condition"].map(conditions.baseline_of)
    keys = zip(pooled["dataset"], pooled["layer_id"], against, strict=True)
    alone = pooled[np.array([(dataset, layer) not in base[name] for dataset, layer, name in keys], dtype=bool)]
    parts = [
        counted(method, layers[layers["side"] != "both"], ONE_TABLE),
        counted(method, changes[changes["frozen"]], FROZEN),
        counted(method, alone, NO_BASELINE),
    ]
    return pd.concat(parts, ignore_index=True)


def without_reference(long: Table, changes: Table, conditions: Conditions) -> Table:
    """Values of a metric in layers in which the baseline changed, but has no usable value of that metric."""
    live = changes[~changes["frozen"]]
    names = set(conditions.baselines.values())
    pooled = long[~long["condition"].isin(names)]
    pooled = pooled.assign(against=pooled["condition"].map(conditions.baseline_of))
    keys = ["dataset", "layer_id", "against"]
    changed = pd.MultiIndex.from_frame(live[["dataset", "layer_id", "condition"]])
    usable = pd.MultiIndex.from_frame(long[["dataset", "layer_id", "condition", "metric"]])
    is_changed = pd.MultiIndex.from_frame(pooled[keys]).isin(changed)
    lost = is_changed & ~pd.MultiIndex.from_frame(pooled[[*keys, "metric"]]).isin(usable)
    parts = [counted(OURS, rows, NO_REFERENCE, str(metric)) for metric, rows in pooled[lost].groupby("metric")]
    return pd.concat([counted(OURS, pooled.iloc[:0], NO_REFERENCE), *parts], ignore_index=True)


def _layers(table: Table) -> set[tuple[str, int]]:
    return set(zip(table["dataset"], table["layer_id"], strict=True))


def of_published(layers: Table, changes: Table, conditions: Conditions) -> Table:
    """Counts the values that the published procedure left out, filled in, or kept although they are no measurements."""
    parts = [whole_layers(PUBLISHED, layers, changes, conditions)]
    both = layers[layers["side"] == "both"].reset_index(drop=True)
    for metric in METRICS:
        before, after = both[f"{metric}_before"], both[f"{metric}_after"]
        infinite = np.isinf(before) | np.isinf(after)
        undefined = changes[metric].isna().reset_index(drop=True)
        parts += [
            counted(PUBLISHED, both[before.isna() | after.isna()], MISSING_IS_ZERO, metric),
            counted(PUBLISHED, both[infinite & ~undefined], INFINITE, metric),
            counted(PUBLISHED, both[undefined], UNDEFINED, metric),
        ]
    failed = (both["alpha_before"] == -1) | (both["alpha_after"] == -1)
    return pd.concat([*parts, counted(PUBLISHED, both[failed], FAILED_KEPT, "alpha")], ignore_index=True)


def of_tests(untested: Table) -> Table:
    """Hidden layers that the tests of repeated runs leave out; no condition, as they are left out of all."""
    layers = untested[untested["what"] == "layer"].assign(condition="")
    counts = layers.groupby(["dataset", "condition", "metric"]).size().rename("n").reset_index()
    return counts.assign(method=OURS, reason=UNTESTED)[COLUMNS]


def reasons(both: Table, metric: str) -> Column:
    """Why ours leaves a layer's metric out: a key of REASONS, empty where the metric is used; the first that holds."""
    before, after = both[f"{metric}_before"], both[f"{metric}_after"]
    checks = {"missing": before.isna() | after.isna(), "infinite": np.isinf(before) | np.isinf(after)}
    if metric == "alpha":
        checks |= {
            "failed": (before <= 0) | (after <= 0),
            "unreliable": ~(both["reliable_before"] & both["reliable_after"]),
        }
    found = np.select(list(checks.values()), list(checks), default="")
    return pd.Series(found, index=both.index)
