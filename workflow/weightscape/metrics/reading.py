"""Reads the tables of a results folder; those that are absent come as empty tables with their columns."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from weightscape.errors import UserError
from weightscape.formats.tables import Table, read_table
from weightscape.metrics import table_schema


def load(folder: Path, names: Iterable[str]) -> dict[str, Table]:
    """The named tables of a folder; one without a file is empty, with the reason in `attrs["absent"]`."""
    tables = {}
    for name in names:
        path = folder / f"{name}.parquet"
        if path.is_file():
            tables[name] = _whole(path, name, read_table(path))
        else:
            tables[name] = empty(name, f"{folder.name} has no table {name}")
    return tables


def empty(name: str, reason: str) -> Table:
    """A table without rows, with the reason for it."""
    table = table_schema.empty(name)
    table.attrs["absent"] = reason
    return table


def _whole(path: Path, name: str, table: Table) -> Table:
    """The table, which an older version may have written with fewer columns; if it is empty, they are added."""
    columns = table_schema.schema()[name].columns
    missing = [column for column, rule in columns.items() if not rule.optional and column not in table]
    if missing and len(table):
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: make it again with stage 6")
    return pd.concat([table, table_schema.empty(name)[missing]], axis=1) if missing else table
