"""Tables as csv inside the page; large ones gzipped."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weightscape.formats.tables import Table
from weightscape.metrics import table_schema

TABLES = (
    "claims",
    "tests",
    "runs",
    "evaluation",
    "diversity",
    "quality",
    "excluded",
    "run_effects",
    "condition_effects",
    "over_setups",
    "conditions",
    "slopes",
    "similarity",
    "signature",
    "equal_loss",
    "predictions",
    "curvature",
    "penalties",
    "penalty_transfer",
    "weight_change",
)
"""In the order of the page; the effects by layer are too large."""
PLAIN = 300_000
"""Bytes above which a csv is gzipped."""


@dataclass(frozen=True)
class Download:
    """A file in a data URI."""

    name: str
    what: str
    rows: int
    kilobytes: float
    uri: str


def csv_text(table: Table) -> str:
    """The table as csv with all digits; lists in cells, which parquet gives back as arrays, are lists again."""
    listed = {
        name: [value.tolist() if isinstance(value, np.ndarray) else value for value in table[name]]
        for name in table.columns[table.dtypes.map(lambda dtype: dtype.kind == "O")]
    }
    return table.assign(**listed).to_csv(index=False)


def download(name: str, what: str, table: Table) -> Download:
    """A table as a file; numbers keep all their digits, so that it reads back equal."""
    content, kind = csv_text(table).encode(), "text/csv"
    name = f"{name}.csv"
    if len(content) > PLAIN:
        content, kind, name = gzip.compress(content, 9, mtime=0), "application/gzip", f"{name}.gz"
    uri = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return Download(name, what, len(table), len(content) / 1000, uri)


def downloads(tables: Mapping[str, Table]) -> list[Download]:
    """All tables that are there and have rows."""
    about = {name: table_schema.schema()[name].about for name in TABLES}
    return [download(name, about[name], tables[name]) for name in TABLES if len(tables[name])]
