"""Leaves runs without a spectrum and unusable layers out of an analysis before it starts, and states why.

All runs are means over the same layers, so that a layer that one run lacks is left out for all. A run that lacks more
than half of the hidden layers that most runs have says more about itself than about its layers: it is left out
instead, or it alone would empty the analysis. alpha is no sign of that: the tails of a sound run may be too short in
most layers, and then alpha loses layers, and the study no run.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from weightscape.formats.tables import Table

Row = dict[str, str | int]
RUN = ["family", "dose", "seed"]
LAYER = ["layer", "part"]
MOST = 0.5
"""Share of the usual hidden layers beyond which a run that lacks them is left out."""
TAIL = "alpha"
"""The metric of a tail, which few layers may be long enough for."""
SHOWN = 3  # runs in a sentence, at most


def there(changes: Table, metric: str) -> Table:
    """Whether each run (rows) has a usable value of each hidden layer and part (columns) of one metric."""
    rows = changes[(changes["metric"] == metric) & (changes["role"] != "head")]
    good = np.isfinite(rows["value"].astype(float)) & (rows["usable"].astype(bool) if "usable" in rows else True)
    table = rows[[*RUN, *LAYER]].astype(str).assign(good=good)
    return table.pivot_table("good", RUN, LAYER, aggfunc="max", fill_value=False).astype(bool)


def broken(changes: Table, metrics: Sequence[str]) -> dict[tuple[str, str, str], str]:
    """The runs (family, dose, seed as text) that lack most layers of some metric but alpha, and why."""
    found: dict[tuple[str, str, str], str] = {}
    for metric in (name for name in metrics if name != TAIL):
        table = there(changes, metric)
        usual = table.loc[:, table.mean() > 0.5] if len(table) else table
        count = usual.to_numpy(bool).sum(axis=1)
        for (family, dose, seed), n in zip(table.index, count, strict=True):
            if n < (1 - MOST) * usual.shape[1]:
                text = f"{metric} is usable in {n} of the {usual.shape[1]} usual layers: left out of all tests"
                found.setdefault((family, dose, seed), text)
    return found


def without(changes: Table, runs: Mapping[tuple[str, str, str], str]) -> Table:
    """The table without some runs."""
    if not runs:
        return changes
    keys = pd.MultiIndex.from_arrays([changes[name].astype(str) for name in RUN])
    return changes[~keys.isin(list(runs))]


def common(effects: Table, metrics: Sequence[str]) -> Table:
    """The rows of a study's effects that tests see: no broken run, and of each source and metric only layers and parts
    of which every run of the setup has a usable value.
    """
    kept = []
    for _, every in effects.groupby(["dataset", "backbone"], sort=False):
        own = without(every, broken(every[every["source"] == "change"], metrics))
        good = own[np.isfinite(own["value"].astype(float)) & own["usable"].astype(bool)]
        run = own.groupby(RUN, sort=False, dropna=False).ngroup()
        of_source = run.groupby(own["source"]).nunique()
        keys = [good[name] for name in (*LAYER, "source", "metric")]
        runs = run.loc[good.index].groupby(keys, dropna=False).transform("nunique")
        kept.append(good[runs == good["source"].map(of_source)])
    return pd.concat(kept) if kept else effects


def excluded(
    changes: Table, tables: Mapping[str, Table], broken: Mapping[tuple[str, str, str], str], metrics: Sequence[str]
) -> list[Row]:
    """Rows of the table `excluded` of one setup: the runs and hidden layers that no test sees, with the reason.

    `changes` is without the runs in `broken`; `tables` has those of the setup.
    """
    rows = [_row("run", "/".join(run), "", 1, why) for run, why in broken.items()]
    known = {tuple(run) for run in changes[RUN].drop_duplicates().astype(str).to_numpy()} | set(broken)
    for run in sorted(_runs(tables) - known):
        rows.append(_row("run", "/".join(run), "", 1, "no layer has a usable value: left out of all tests"))
    if "layers" in tables and "status" in tables["layers"]:
        rows += _never(tables["layers"], changes)
    return rows + [row for metric in metrics for row in _layers(changes, metric)]


def _row(what: str, name: str, metric: str, n: int, reason: str) -> Row:
    return {"what": what, "name": name, "metric": metric, "n": n, "reason": reason}


def _runs(tables: Mapping[str, Table]) -> set[tuple[str, ...]]:
    if "runs" not in tables or not set(RUN) <= set(tables["runs"]):
        return set()
    return {tuple(run) for run in tables["runs"][RUN].drop_duplicates().astype(str).to_numpy()}


def _never(layers: Table, changes: Table) -> Iterator[Row]:
    """Layers after training that no run has a spectrum of, with their status."""
    after = layers[(layers["matrix"] == "after") & (layers["role"] != "head")]
    seen = set(changes["layer"].astype(str) + "/" + changes["part"].astype(str))
    for (layer, part), own in after.groupby(LAYER, sort=False):
        if f"{layer}/{part}" not in seen:
            status = ", ".join(sorted(set(own["status"].astype(str)) - {"ok"})) or "no change"
            yield _row("layer", f"{layer}/{part}", "", len(own), f"status: {status}")


def _layers(changes: Table, metric: str) -> Iterator[Row]:
    """Layers that some runs have no usable value of."""
    table = there(changes, metric)
    for name in table.columns[~table.all()]:
        runs = ["/".join(run) for run in table.index[~table[name]]]
        some = ", ".join(runs[:SHOWN]) + (", ..." if len(runs) > SHOWN else "")
        where = (
            "no run" if len(runs) == len(table) else f"{len(table) - len(runs)} of {len(table)} runs (not in {some})"
        )
        yield _row("layer", "/".join(name), metric, len(runs), f"usable in {where}: left out of all")
