"""Means of runs by condition, as figures, page and tables give them: mean, standard deviation over seeds and n."""

from collections.abc import Sequence

from weightscape.formats.tables import Table

SETUP = ("dataset", "backbone")
CONDITION = [*SETUP, "family", "dose", "number"]
LEVEL = 0.95
"""Of the intervals that figures and page show."""


def summarise(table: Table, by: Sequence[str], value: str = "value") -> Table:
    """Mean, sd (NaN for one value) and n of `value` in each group; NaN values are not counted."""
    groups = table.groupby(list(by), sort=True, dropna=False)[value]
    return groups.agg(mean="mean", sd="std", n="count").reset_index()


def setups_of(*tables: Table) -> list[tuple[str, str]]:
    """The pairs of data set and backbone in some tables, in order."""
    return sorted({pair for table in tables for pair in table[list(SETUP)].itertuples(index=False, name=None)})
