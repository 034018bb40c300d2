"""The tables of a results folder, where some may be absent: those come as empty tables with their columns."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from weightscape.errors import UserError
from weightscape.formats.tables import Table, read_table

COLUMNS = {
    "runs": ["dataset", "backbone", "family", "dose", "number", "seed", "items", "train_loss", "train_accuracy"],
    "evaluation": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "seed",
        "split",
        "accuracy",
        "nll",
        "brier",
        "ece",
        "images",
    ],
    "diversity": ["dataset", "family", "dose", "number", "seed", "space", "measure", "value"],
    "quality": ["dataset", "generator", "recipe", "guidance", "images", "judge_accuracy", "judge_test_accuracy"],
    "samples": [
        "dataset",
        "kind",
        "family",
        "dose",
        "recipe",
        "label",
        "position",
        "channels",
        "height",
        "width",
        "pixels",
    ],
    "spectra_examples": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "seed",
        "layer",
        "part",
        "matrix",
        "N",
        "M",
        "mp_lower",
        "mp_upper",
        "alpha",
        "xmin",
        "eigenvalues",
    ],
    "esd": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "layer",
        "part",
        "matrix",
        "low",
        "high",
        "eigenvalues",
        "counts",
        "role",
        "N",
        "M",
        "mp_lower",
        "mp_upper",
        "alpha",
        "xmin",
        "seeds",
    ],
    "reliability": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "seed",
        "split",
        "bin",
        "images",
        "confidence",
        "accuracy",
    ],
    "excluded": ["dataset", "backbone", "what", "name", "metric", "n", "reason"],
    "weight_change": ["dataset", "backbone", "family", "dose", "number", "seed", "role", "relative_change"],
    "effects": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "seed",
        "layer",
        "part",
        "role",
        "kind",
        "source",
        "metric",
        "value",
        "effect",
    ],
    "run_effects": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "seed",
        "role",
        "source",
        "metric",
        "value_mean",
        "effect_mean",
        "effect_rms",
        "layers",
    ],
    "similarity": [
        "dataset",
        "backbone",
        "metric",
        "family",
        "other",
        "cosine",
        "corrected",
        "low",
        "high",
        "layers",
        "n",
    ],
    "slopes": ["dataset", "backbone", "family", "metric", "scope", "per", "slope", "low", "high", "n"],
    "predictions": ["dataset", "backbone", "outcome", "predictor", "r", "low", "high", "n"],
    "curvature": ["dataset", "backbone", "family", "dose", "number", "seed", "largest_eigenvalue", "trace"],
    "conditions": ["dataset", "backbone", "family", "dose", "number", "destructive", "reason"],
    "condition_effects": [
        "dataset",
        "backbone",
        "family",
        "dose",
        "number",
        "metric",
        "scope",
        "estimate",
        "low",
        "high",
        "p_holm",
        "destructive",
    ],
    "claims": [
        "claim",
        "statement",
        "dataset",
        "backbone",
        "test",
        "metric",
        "estimate",
        "low",
        "high",
        "unit",
        "n",
        "verdict",
        "reason",
        "controls",
    ],
    "tests": [
        "claim",
        "dataset",
        "backbone",
        "family",
        "dose",
        "metric",
        "scope",
        "test",
        "statistic",
        "estimate",
        "low",
        "high",
        "df",
        "p",
        "p_holm",
        "n",
        "unit",
        "verdict",
        "reason",
    ],
}
"""Columns that the page and the figures read; a table may have more."""

TEXT = {
    "dataset",
    "backbone",
    "family",
    "dose",
    "split",
    "role",
    "source",
    "metric",
    "layer",
    "part",
    "matrix",
    "reason",
}


def load(folder: Path, names: Iterable[str]) -> dict[str, Table]:
    """The named tables of a folder; one without a file is empty, and says why in `attrs["absent"]`."""
    tables = {}
    for name in names:
        path = folder / f"{name}.parquet"
        tables[name] = read_table(path) if path.is_file() else empty(name, f"{folder.name} has no table {name}")
        _check(path, tables[name], name)
    return tables


def empty(name: str, reason: str) -> Table:
    """A table without rows, with the reason for it."""
    table = pd.DataFrame({column: pd.Series(dtype="object" if column in TEXT else float) for column in COLUMNS[name]})
    table.attrs["absent"] = reason
    return table


def _check(path: Path, table: Table, name: str) -> None:
    missing = [column for column in COLUMNS[name] if column not in table.columns]
    if missing and len(table):
        raise UserError(f"{path} lacks the columns {', '.join(missing)}: make it again with stage 6")
    for column in missing:
        table[column] = pd.Series(dtype="object" if column in TEXT else float)
