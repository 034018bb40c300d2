"""The columns of the result tables, from the closed schema in workflow/schemas/tables.schema.yaml."""

import functools
from typing import Any

import pandas as pd

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.tables import Table
from weightscape.project import SCHEMAS

SCHEMA = SCHEMAS / "tables.schema.yaml"
MADE = ("excluded", "conditions", "condition_effects", "slopes", "similarity", "predictions", "tests", "claims")
KINDS = {"text": "str", "number": "float64", "count": "int64", "flag": "bool"}


@functools.cache
def schema() -> dict[str, dict[str, Any]]:
    """Columns by table: each with `type`, `about` and, for some texts, the values `allowed`."""
    return read_yaml(SCHEMA)


def table(name: str, parts: list[Table]) -> Table:
    """The parts as one table with the schema's columns in order and their types; checked."""
    parts = [part for part in parts if len(part)]
    columns = schema()[name]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({column: [] for column in columns})
    return checked(name, whole)


def checked(name: str, whole: Table) -> Table:
    """The table if it has exactly the schema's columns, with their types and allowed values; else a ValueError."""
    columns = schema()[name]
    apart = set(columns) ^ set(whole)
    if apart:
        raise ValueError(f"table {name}: column {sorted(apart)[0]!r} is not in both the table and its schema")
    result = {}
    for column, rule in columns.items():
        values = whole[column]
        if rule["type"] != "number" and values.isna().any():
            raise ValueError(f"table {name}: column {column!r} has an empty cell")
        result[column] = (
            values.astype(object).map(str) if rule["type"] == "text" else values.astype(KINDS[rule["type"]])
        )
        strange = set(result[column]) - set(rule["allowed"]) if "allowed" in rule else set()
        if strange:
            raise ValueError(f"table {name}: column {column!r} has {sorted(strange)[0]!r}, which its schema lacks")
    return pd.DataFrame(result)
