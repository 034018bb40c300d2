"""The tables of stage 6 and their columns, from workflow/schemas/tables.schema.yaml; reads, checks and writes them.

A table with a missing or a further column is not written, since figures, page and people rely on the names.
"""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.tables import Column, Table, read_table, write_table
from weightscape.project import SCHEMAS

SCHEMA = SCHEMAS / "tables.schema.yaml"
DTYPES = {"text": "object", "number": "float64", "count": "int64", "flag": "bool", "list": "object", "bytes": "object"}

Maker = Literal["aggregate", "analyse", "reanalyse"]


@dataclass(frozen=True)
class ColumnRule:
    """One column: its type, what it holds, the values allowed (if they are few), whether it or a cell may lack."""

    type: Literal["text", "number", "count", "flag", "list", "bytes"]
    about: str
    allowed: tuple[str, ...] = ()
    empty: bool = False
    optional: bool = False


@dataclass(frozen=True)
class TableRule:
    """One table: the name of its files, its rows in words, the programs that write it, and its columns in order."""

    file: str
    about: str
    made_by: tuple[Maker, ...]
    csv: bool
    columns: dict[str, ColumnRule]
    page: bool = True
    further: str = ""
    """Describes columns beside `columns`; empty if the table has no others."""


@functools.cache
def schema() -> dict[str, TableRule]:
    """All tables by key, which is the name of their files but for some of a reanalysis."""
    return {
        key: TableRule(**{"file": key} | block | {"columns": {name: ColumnRule(**c) for name, c in columns.items()}})
        for key, block in read_yaml(SCHEMA)["tables"].items()
        for columns in [block["columns"]]
    }


def of(maker: Maker) -> dict[str, TableRule]:
    """The tables that a program writes, by the names of their files."""
    return {rule.file: rule for rule in schema().values() if maker in rule.made_by}


def files(maker: Maker) -> list[str]:
    """The files that a program writes: each table as parquet, and as csv where a person would read it."""
    return [f"{name}.{ending}" for name, rule in of(maker).items() for ending in ("parquet", "csv")[: 1 + rule.csv]]


def write(folder: Path, maker: Maker, tables: Mapping[str, Table]) -> list[Path]:
    """Write the tables of a program into a folder; the paths of the files."""
    paths = [folder / name for name in files(maker)]
    for path in paths:
        write_table(path, tables[path.stem])
    return paths


def load(folder: Path, names: Iterable[str]) -> dict[str, Table]:
    """The named tables of a folder; one without a file is empty, with the reason in `attrs["absent"]`."""
    tables = {}
    for name in names:
        path = folder / f"{name}.parquet"
        tables[name] = _whole(path, name) if path.is_file() else empty(name)
        if not path.is_file():
            tables[name].attrs["absent"] = f"{folder.name} has no table {name}"
    return tables


def _whole(path: Path, name: str) -> Table:
    """A table, which an older version may have written with fewer columns; if it is empty, they are added."""
    table, columns = read_table(path), schema()[name].columns
    missing = [column for column, rule in columns.items() if not rule.optional and column not in table]
    if missing and len(table):
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: make it again with stage 6")
    return pd.concat([table, empty(name)[missing]], axis=1) if missing else table


def empty(name: str) -> Table:
    """A table without rows, with its columns and their types."""
    columns = schema()[name].columns
    return pd.DataFrame({column: pd.Series(dtype=DTYPES[rule.type]) for column, rule in columns.items()})


def table(name: str, parts: list[Table]) -> Table:
    """The parts as one table with the schema's columns in order and their types; checked."""
    parts = [part for part in parts if len(part)]
    return checked(name, pd.concat(parts, ignore_index=True)) if parts else empty(name)


def checked(name: str, whole: Table) -> Table:
    """The table with the schema's columns in order and their types."""
    check(schema()[name], whole)
    return pd.DataFrame({column: _typed(whole[column], rule) for column, rule in schema()[name].columns.items()})


def _typed(values: Column, rule: ColumnRule) -> Column:
    return values.astype(object).map(str) if rule.type == "text" else values.astype(DTYPES[rule.type])


def check(rule: TableRule, table: Table) -> None:
    """Raise a ValueError unless the table has exactly the columns of its rule, filled as their types ask."""
    lacking = {name for name, column in rule.columns.items() if not column.optional} - set(table)
    apart = lacking | (set() if rule.further else set(table) - set(rule.columns))
    if apart:
        raise ValueError(f"table {rule.file}: column {min(apart)!r} is not in both the table and its schema")
    for name, column in rule.columns.items():
        fault = _fault(table[name], column) if name in table else ""
        if fault:
            raise ValueError(f"table {rule.file}: column {name!r} has {fault}")


def _fault(values: Column, rule: ColumnRule) -> str:
    """The cell that a column may not hold, in words; empty if there is none."""
    known = values.dropna()
    if rule.type == "number":
        return "" if known.empty or pd.api.types.is_numeric_dtype(known.infer_objects()) else "a cell that is no number"
    if len(known) < len(values) and not rule.empty:
        return "an empty cell"
    strange = set(known) - set(rule.allowed) if rule.allowed else set()
    return f"{min(strange)!r}, which its schema lacks" if strange else ""
