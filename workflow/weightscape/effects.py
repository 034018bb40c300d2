"""Effects: what a condition did to the spectra, against the baseline runs of its own family.

The change of a run is metric(after) - metric(before) per layer and part, or metric(delta) for the update itself. Its
effect is that minus its mean over the family's `baseline` runs of the same data set and backbone. Layers are not
replicates: run-level summaries (mean and root mean square over the hidden layers) are what tests are made of.
"""

import numpy as np
import pandas as pd

from weightscape.frames import Table

RUN = ["dataset", "backbone", "family", "dose", "number", "seed"]
LAYER = ["layer", "part", "role", "kind"]
BASELINE = "baseline"


def changes(layers: Table, metrics: list[str]) -> Table:
    """Long table of what each run changed: columns RUN, LAYER, source (`change` or `delta`), metric, value.

    `layers` has a row per run, layer, part and matrix; rows whose status is not `ok` are left out, as are values
    that are not defined on both sides.
    """
    good = layers[layers["status"] == "ok"]
    values = {matrix: part.set_index([*RUN, *LAYER])[metrics] for matrix, part in good.groupby("matrix")}
    change = values["after"] - values["before"].reindex(values["after"].index)
    parts = [
        table.reset_index().melt([*RUN, *LAYER], var_name="metric", value_name="value").assign(source=source)
        for source, table in (("change", change), ("delta", values["delta"]))
    ]
    long = pd.concat(parts, ignore_index=True)
    return long[np.isfinite(long["value"])][[*RUN, *LAYER, "source", "metric", "value"]]


def against_baseline(changes: Table) -> Table:
    """The table with `effect`: value minus its mean over the family's baseline runs; NaN without such runs."""
    keys = ["dataset", "backbone", "family", *LAYER, "source", "metric"]
    reference = (
        changes[changes["dose"] == BASELINE].groupby(keys, sort=False, dropna=False)["value"].mean().rename("reference")
    )
    joined = changes.join(reference, on=keys)
    return joined.assign(effect=joined["value"] - joined["reference"]).drop(columns="reference")


def per_run(effects: Table) -> Table:
    """Run-level summaries by role: mean value and effect, root mean square effect, and the number of layers."""
    grouped = effects.assign(square=effects["effect"] ** 2).groupby(
        [*RUN, "role", "source", "metric"], sort=False, dropna=False
    )
    table = grouped.agg(
        value_mean=("value", "mean"),
        effect_mean=("effect", "mean"),
        effect_rms=("square", "mean"),
        layers=("value", "size"),
    ).reset_index()
    return table.assign(effect_rms=np.sqrt(table["effect_rms"]))
