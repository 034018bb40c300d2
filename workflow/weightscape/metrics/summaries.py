"""Means of runs by condition, as figures, page and tables give them, and each family's strongest dose."""

from collections.abc import Sequence

import pandas as pd

from weightscape.families import BASELINE, baseline_number, strength
from weightscape.formats.tables import Table

SETUP = ("dataset", "backbone")
CONDITION = [*SETUP, "family", "dose", "number"]


def summarise(table: Table, by: Sequence[str], value: str = "value") -> Table:
    """Mean, sd (NaN for one value) and n of `value` in each group; NaN values are not counted."""
    groups = table.groupby(list(by), sort=True, dropna=False)[value]
    return groups.agg(mean="mean", sd="std", n="count").reset_index()


def of_setup(table: Table, dataset: str, backbone: str) -> Table:
    """The rows of a table that are of one data set and backbone."""
    return table[(table["dataset"] == dataset) & (table["backbone"] == backbone)]


def setups_of(*tables: Table) -> list[tuple[str, str]]:
    """The pairs of data set and backbone in some tables, in order."""
    return sorted({pair for table in tables for pair in table[list(SETUP)].itertuples(index=False, name=None)})


def in_each_family(table: Table) -> Table:
    """The rows with those of the baseline pool in every family, under the number that changes nothing there."""
    pool, families = table["family"] == BASELINE, table["family"].unique()
    copies = [
        table[pool].assign(family=name, **({"number": baseline_number(name)} if "number" in table else {}))
        for name in families
        if name != BASELINE
    ]
    return pd.concat([table[~pool], *copies], ignore_index=True) if pool.any() and copies else table


def strongest(table: Table) -> Table:
    """The rows of each family's strongest dose, baselines and doses without a number left out."""
    dosed = table[(table["dose"] != BASELINE) & table["number"].notna()]
    conditions = dosed[["family", "dose", "number"]].drop_duplicates()
    top: dict[str, tuple[str, float]] = {}
    for family, dose, number in sorted(conditions.itertuples(index=False, name=None)):
        if family not in top or strength(family, number) > strength(family, top[family][1]):
            top[family] = dose, number
    return dosed[dosed["dose"] == dosed["family"].map({family: dose for family, (dose, _) in top.items()})]
