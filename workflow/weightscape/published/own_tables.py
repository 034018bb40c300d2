"""Tables of `weightscape spectra` in the form of WeightWatcher's: one table of one side, layers by number and name.

One file may hold both sides: its rows `before` are those before training. A table of a single network, which has only
rows `after`, stands for the side that its file is named as. Layers are matched by name, because the order of the rows
is that of the file of weights, and safetensors are sorted.
"""

from collections.abc import Iterable

import pandas as pd

from weightscape.errors import UserError
from weightscape.formats.tables import Table

IDENTITY = ("layer", "part", "matrix")
"""Columns by which such a table is known."""
READ = (*IDENTITY, "role")


def is_own(table: Table) -> bool:
    """Whether a table is one of `weightscape spectra`."""
    return all(name in table for name in IDENTITY)


def of_side(path: str, table: Table, side: str, both: bool) -> Table:
    """The rows of one side (`before`, `after`); `both` tells whether the file stands for both sides."""
    matrices = set(table["matrix"])
    wanted = side if both or side in matrices else "after"
    rows = table[table["matrix"] == wanted]
    if rows.empty:
        raise UserError(
            f"{path} has no rows {wanted!r}: give weightscape spectra the weights before training (--before), or name "
            "a table of them in the conditions file"
        )
    whole = rows["part"] == "weight"
    name = rows["layer"].where(whole, rows["layer"] + "." + rows["part"])
    repeated = name[name.duplicated()]
    if len(repeated):
        raise UserError(f"{path} has the layer {repeated.iloc[0]!r} twice among the rows {wanted!r}")
    # An empty cell of alpha says that there is no fit; `ok` is no status of WeightWatcher's.
    return rows.drop(columns=["status", *IDENTITY], errors="ignore").assign(longname=name)


def numbered(tables: Iterable[Table]) -> list[Table]:
    """The tables with one `layer_id` for each name in all of them; a head, which `role` tells, has the largest."""
    tables = list(tables)
    rows = pd.concat([table.reindex(columns=["longname", "role"]) for table in tables])
    heads = set(rows.loc[rows["role"] == "head", "longname"])
    names = sorted(dict.fromkeys(rows["longname"]), key=lambda name: name in heads)
    places = {name: place for place, name in enumerate(names)}
    return [
        table.assign(layer_id=table["longname"].map(places)).drop(columns="role", errors="ignore") for table in tables
    ]
