"""Means of runs by condition, as figures, page and tables give them, and each family's strongest dose."""

from collections.abc import Sequence

from weightscape.families import BASELINE, strength
from weightscape.formats.tables import Table

SETUP = ("dataset", "backbone")
CONDITION = [*SETUP, "family", "dose", "number"]


def summarise(table: Table, by: Sequence[str], value: str = "value") -> Table:
    """Mean, sd (NaN for one value) and n of `value` in each group; NaN values are not counted."""
    groups = table.groupby(list(by), sort=True, dropna=False)[value]
    return groups.agg(mean="mean", sd="std", n="count").reset_index()


def setups_of(*tables: Table) -> list[tuple[str, str]]:
    """The pairs of data set and backbone in some tables, in order."""
    return sorted({pair for table in tables for pair in table[list(SETUP)].itertuples(index=False, name=None)})


def strongest(table: Table) -> Table:
    """The rows of each family's strongest dose, baselines and doses without a number left out."""
    dosed = table[(table["dose"] != BASELINE) & table["number"].notna()]
    conditions = dosed[["family", "dose", "number"]].drop_duplicates()
    top: dict[str, tuple[str, float]] = {}
    for family, dose, number in sorted(conditions.itertuples(index=False, name=None)):
        if family not in top or strength(family, number) > strength(family, top[family][1]):
            top[family] = dose, number
    return dosed[dosed["dose"] == dosed["family"].map({family: dose for family, (dose, _) in top.items()})]
