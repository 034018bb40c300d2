"""Tables as csv inside the page; large ones gzipped."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from weightscape.formats.tables import Table
from weightscape.report.csv_text import csv_text

TABLES = {
    "claims": "verdict of every claim",
    "tests": "every single test",
    "runs": "one row per run: what it was trained on and what acted",
    "evaluation": "one row per run and set of images",
    "diversity": "one row per condition, seed, space and measure; seeds of equal rows share one data set",
    "quality": "the generator by recipe",
    "excluded": "runs and layers that no test sees, and why",
    "run_effects": "effects of every run on the spectra",
    "condition_effects": "effects of every condition on the spectra, with intervals",
    "conditions": "what each condition did to the accuracy, and whether it destroys it",
    "slopes": "how fast each family's effect grows with its dose",
    "similarity": "cosines and distances between the effects of families",
    "predictions": "how well diversity and spectra predict outcomes",
    "curvature": "curvature of the loss at the end of training",
    "weight_change": "relative change of every run's weights",
}
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
    return [download(name, what, tables[name]) for name, what in TABLES.items() if len(tables[name])]
