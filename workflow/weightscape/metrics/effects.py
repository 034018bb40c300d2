"""Effects: what a condition did to the spectra, against the pool of baseline runs.

The change of a run is metric(after) - metric(before) per layer and part, or metric(delta) for the update itself. Its
effect is that minus its mean over the pool of the same data set and backbone (in published tables, over the baseline
runs of its own family); standardised, it is in units of the standard deviation between runs, pooled within all
conditions that have this reference, times Hedges' J. Layers are not
replicates: run-level summaries (mean and root mean square over the hidden layers) are what tests are made of.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammaln

from weightscape.errors import UserError
from weightscape.families import BASELINE
from weightscape.formats.tables import Column, Table

RUN = ["dataset", "backbone", "family", "dose", "number", "seed"]
LAYER = ["layer", "part", "role", "kind"]
TAIL = {"num_evals": 50, "num_pl_spikes": 20}
"""Least numbers of eigenvalues, and of those in the tail, for an `alpha` that claims may use."""


def changes(layers: Table, metrics: list[str]) -> Table:
    """Long table of what each run changed: columns RUN, LAYER, source (`change` or `delta`), metric, value, usable.

    `layers` has a row per run, layer, part and matrix (`delta` may be absent); rows whose status is not `ok` are left
    out, as are values that are not defined on both sides. `usable` is false for an alpha from too few eigenvalues.
    """
    missing = [name for name in [*RUN, *LAYER, "matrix", "status", *metrics] if name not in layers]
    if missing:
        raise UserError(f"the table layers has no column {missing[0]!r}: make it again with the stage aggregate")
    good = layers[layers["status"] == "ok"]
    good = good.assign(tail=_long_enough(good))
    values = {matrix: part.set_index([*RUN, *LAYER])[[*metrics, "tail"]] for matrix, part in good.groupby("matrix")}
    after = values.get("after", good.set_index([*RUN, *LAYER])[[*metrics, "tail"]].iloc[:0])
    before = values.get("before", after.iloc[:0]).reindex(after.index)
    change = (after[metrics] - before[metrics]).assign(tail=after["tail"] * before["tail"])
    parts = [
        table.reset_index().melt([*RUN, *LAYER, "tail"], var_name="metric", value_name="value").assign(source=source)
        for source, table in (("change", change), ("delta", values.get("delta", after.iloc[:0])))
    ]
    long = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    long["usable"] = (long["metric"] != "alpha") | (long["tail"] == 1)
    return long[np.isfinite(long["value"].astype(float))][[*RUN, *LAYER, "source", "metric", "value", "usable"]]


def _long_enough(layers: Table) -> Column:
    """1 where an alpha rests on enough eigenvalues, else 0; 1 where their numbers are not known."""
    known = [layers[name] >= least for name, least in TAIL.items() if name in layers]
    return np.logical_and.reduce(known).astype(float) if known else pd.Series(1.0, index=layers.index)


def against_baseline(changes: Table) -> Table:
    """The table with `effect`: value minus its mean over the baseline runs; NaN without such runs.

    And `standardised`: the effect over the pooled standard deviation, with Hedges' J; NaN without replicates.
    """
    keys = ["dataset", "backbone", *LAYER, "source", "metric"]
    joined = changes.assign(effect=changes["value"] - _reference(changes, keys))
    return joined.assign(standardised=_standardised(joined, keys))


def reference_of(table: Table) -> Column:
    """The family whose `baseline` runs each row is measured against: its own if it has some, else the pool."""
    own = set(table.loc[table["dose"] == BASELINE, "family"])
    return table["family"].where(table["family"].isin(own), BASELINE)


def _reference(table: Table, keys: list[str]) -> Column:
    own = table["value"].where(table["dose"] == BASELINE)
    return own.groupby([_groups(table, keys), reference_of(table)]).transform("mean")


def _standardised(table: Table, keys: list[str], value: str = "value", effect: str = "effect") -> Column:
    """Effect over the standard deviation within conditions, pooled over the rows with equal keys and reference."""
    place = _groups(table.assign(against=reference_of(table)), [*keys, "against"])
    condition = _groups(table, [*keys, "family", "dose"])
    cell = table[value].groupby(condition)
    squares = ((table[value] - cell.transform("mean")) ** 2).groupby(place).transform("sum")
    conditions = condition.groupby(place).transform("nunique")
    df = (table[value].groupby(place).transform("size") - conditions).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(squares.to_numpy(float) / df)
        scaled = hedges(df) * table[effect].to_numpy(float) / spread
    largest = table[value].abs().groupby(place).transform("max").to_numpy(float)
    return np.where(varies(spread, largest), scaled, np.nan)


def _groups(table: Table, keys: list[str]) -> Column:
    """One number per combination of keys, which groups faster than many columns of text."""
    return table.groupby(keys, sort=False, dropna=False).ngroup()


def per_run(effects: Table) -> Table:
    """Run-level summaries by role: mean value and effect, root mean square effect, and the number of layers.

    And `standardised_mean`: the mean effect over the standard deviation of runs within conditions, with Hedges' J.
    """
    grouped = effects.assign(square=effects["effect"] ** 2).groupby(
        [*RUN, "role", "source", "metric"], sort=False, dropna=False
    )
    table = grouped.agg(
        value_mean=("value", "mean"),
        effect_mean=("effect", "mean"),
        effect_rms=("square", "mean"),
        layers=("value", "size"),
    ).reset_index()
    keys = ["dataset", "backbone", "role", "source", "metric"]
    scaled = _standardised(table, keys, "value_mean", "effect_mean")
    return table.assign(effect_rms=np.sqrt(table["effect_rms"]), standardised_mean=scaled)


def hedges(df: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Hedges' factor J for a standard deviation with `df` degrees of freedom; NaN below 2."""
    m = np.where(np.asarray(df, float) > 1, df, np.nan)
    return np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2)


def varies(deviation: float | NDArray[np.float64], size: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a standard deviation exceeds the rounding of a mean of numbers up to a size.

    The mean of equal numbers may differ from them in its last bits, which depend on the order of summation.
    """
    return np.asarray(deviation > 16 * np.finfo(np.float64).eps * size)
