"""WeightWatcher's tables, or those of `weightscape spectra`, before and after training, as one long table.

`layers` has one row per run and layer: dataset, condition, seed, layer_id, longname, `side` (`both`, or the one table
that has the layer), {metric}_before and {metric}_after as they stand in the files, and for each side `reliable_before`
and `reliable_after`: whether the tail fit may be used (see `reliable`).
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from weightscape.errors import UserError
from weightscape.formats.tables import Column, Table
from weightscape.metrics.effects import TAIL
from weightscape.published import own_tables
from weightscape.published.settings import METRICS
from weightscape.published.table_files import Gap, Run

NEEDED = ("layer_id", *METRICS)
OPTIONAL = ("longname", "status", "num_evals", "num_pl_spikes")
COLUMNS = frozenset((*NEEDED, *OPTIONAL, *own_tables.READ))
RUN = ["dataset", "condition", "seed"]


def read_all(folder: Path, runs: Iterable[Run]) -> tuple[Table, list[Run], list[Gap]]:
    """The long table, the runs that are in it, and a gap for each run whose tables cannot be used."""
    kept, gaps = [], []
    parts: dict[str, list[Table]] = {"before": [], "after": []}
    shared: dict[tuple[str, str], Table | UserError] = {}
    for run in runs:
        try:
            tables = {role: _cached(folder, run, role, shared) for role in parts}
        except UserError as error:
            text = f"{run.dataset}: condition {run.condition!r} was left out, as {error}"
            gaps.append(Gap(text, run.dataset, run.condition))
            continue
        kept.append(run)
        for role, table in tables.items():
            parts[role].append(table.assign(dataset=run.dataset, condition=run.condition, seed=run.seed))
    if not kept:
        return pd.DataFrame(), kept, gaps
    before, after = _numbered(*parts.values())
    return _joined(_stacked(before), _stacked(after)), kept, gaps


def _numbered(before: list[Table], after: list[Table]) -> tuple[list[Table], list[Table]]:
    """The tables of both sides with a `layer_id`, which those of `weightscape spectra` get by name."""
    with_numbers = ["layer_id" in table for table in (*after, *before)]
    if all(with_numbers):
        return before, after
    if any(with_numbers):
        raise UserError(
            "some tables are WeightWatcher's and some are of weightscape spectra, whose layers have no common number: "
            "measure all with one"
        )
    tables = own_tables.numbered([*after, *before])
    return tables[len(after) :], tables[: len(after)]


def _cached(folder: Path, run: Run, role: str, shared: dict[tuple[str, str], Table | UserError]) -> Table:
    """A table, read once: several runs may share the one before training."""
    path: str = getattr(run, role)
    if (path, role) not in shared:
        try:
            shared[path, role] = read_one(folder, path, role, run.before == run.after)
        except UserError as error:
            shared[path, role] = error
    found = shared[path, role]
    if isinstance(found, UserError):
        raise found
    return found


def read_one(folder: Path, path: str, side: str = "after", both: bool = False) -> Table:
    """The columns of one table that are used, checked; a `UserError` names file and column.

    `side` is the one that is wanted of a table of `weightscape spectra`, and `both` tells whether it must hold both.
    """
    try:
        table = pd.read_csv(folder / path, usecols=lambda name: name in COLUMNS)
    except (OSError, EOFError, ValueError, pd.errors.ParserError, zlib.error) as error:
        raise UserError(f"{path} is not a whole csv table ({' '.join(str(error).split())})") from None
    own = own_tables.is_own(table)
    needed = METRICS if own else NEEDED
    missing = [name for name in needed if name not in table]
    if missing:
        raise UserError(f"{path} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    if table.empty:
        raise UserError(f"{path} has no rows")
    if both and not own:
        raise UserError(f"{path} tells no rows before training: name the tables before training in the conditions file")
    for name in needed:
        if table[name].dtype.kind not in "fi":
            table[name] = _numbers(path, table[name])
    if own:
        return own_tables.of_side(path, table, side, both).drop(columns="layer_id", errors="ignore")
    _check_ids(path, table["layer_id"].to_numpy(dtype=float))
    return table


def _check_ids(path: str, ids: np.ndarray) -> None:
    """Refuse numbers of layers that are not whole, or not different."""
    if not np.isfinite(ids).all() or (ids != ids.round()).any():
        raise UserError(f"{path} has a layer_id that is no whole number")
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise UserError(f"{path} has the layer_id {values[counts > 1][0]:.0f} twice")


def _numbers(path: str, column: Column) -> Column:
    """A column that pandas read as text, as numbers; a word in it is an error."""
    numbers = _numeric(column)
    wrong = column[numbers.isna() & column.notna()]
    if len(wrong):
        raise UserError(f"{path} has {wrong.iloc[0]!r} in the column {column.name}, where numbers are needed")
    return numbers.astype(float)


def _numeric(column: Column) -> Column:
    return pd.to_numeric(column, errors="coerce")


def reliable(table: Table) -> Column:
    """Whether a layer's tail exponent may be used: fitted, on enough eigenvalues where the table says how many."""
    good = table["alpha"] > 0  # a failed fit is -1 there
    if "status" in table:
        good &= table["status"].isna() | (table["status"] == "success")
    for name, least in TAIL.items():
        if name in table:
            count = _numeric(table[name])
            good &= count.isna() | (count >= least)
    return good


def _stacked(parts: list[Table]) -> Table:
    """The tables of one side below each other, with the layers' names: longname, else `layer {id}`."""
    table = pd.concat(parts, ignore_index=True)
    table["layer_id"] = table["layer_id"].astype(int)
    fallback = "layer " + table["layer_id"].astype(str)
    known = table["longname"].astype("string").fillna(fallback) if "longname" in table else fallback
    table = table.assign(longname=known.astype(str), reliable=reliable(table))
    return table[[*RUN, "layer_id", "longname", *METRICS, "reliable"]]


def _joined(before: Table, after: Table) -> Table:
    keys = [*RUN, "layer_id"]
    both = before.merge(after, how="outer", on=keys, suffixes=("_before", "_after"), indicator="side")
    side = both["side"].astype(str).map({"both": "both", "left_only": "before", "right_only": "after"})
    name = both["longname_after"].fillna(both["longname_before"])
    reliable = {f"reliable_{role}": both[f"reliable_{role}"].eq(True) for role in ("before", "after")}
    values = [f"{metric}_{role}" for metric in METRICS for role in ("before", "after")]
    return both.assign(side=side, longname=name, **reliable)[[*keys, "longname", "side", *values, *reliable]]
