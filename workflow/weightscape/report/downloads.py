"""Tables as csv inside the page; large ones gzipped."""

import base64
import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from weightscape.formats.tables import Table

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


def downloads(tables: Mapping[str, Table], offered: Iterable[tuple[str, str]]) -> list[Download]:
    """All tables that are offered, each with a sentence, are there and have rows."""
    return [download(name, about, tables[name]) for name, about in offered if len(tables[name])]
