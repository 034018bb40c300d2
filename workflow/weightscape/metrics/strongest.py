"""Picks each family's strongest dose from a table (`families.strength` orders the doses)."""

from weightscape.families import BASELINE, strength
from weightscape.formats.tables import Table


def strongest(table: Table) -> Table:
    """The rows of each family's strongest dose, baselines and doses without a number left out."""
    dosed = table[(table["dose"] != BASELINE) & table["number"].notna()]
    conditions = dosed[["family", "dose", "number"]].drop_duplicates()
    top: dict[str, tuple[str, float]] = {}
    for family, dose, number in sorted(conditions.itertuples(index=False, name=None)):
        if family not in top or strength(family, number) > strength(family, top[family][1]):
            top[family] = dose, number
    return dosed[dosed["dose"] == dosed["family"].map({family: dose for family, (dose, _) in top.items()})]
