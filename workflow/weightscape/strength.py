"""How strong a dose is: the distance of its number from that of its family's baseline; of two as far, the larger.

Sizes below the full one are the stronger the smaller they are.
"""

from weightscape.frames import Table
from weightscape.interventions import BASELINE, NEUTRAL


def strength(family: str, number: float) -> tuple[float, float]:
    """What the doses of a family are compared by, weakest first; 12 decimals, as 1.4 - 1 is less than 1 - 0.6."""
    if family == "resolution":
        return -number, number
    return round(abs(number - NEUTRAL.get(family, 0.0)), 12), number


def strongest(table: Table) -> Table:
    """The rows of each family's strongest dose, baselines and doses without a number left out."""
    dosed = table[(table["dose"] != BASELINE) & table["number"].notna()]
    conditions = dosed[["family", "dose", "number"]].drop_duplicates()
    top: dict[str, tuple[str, float]] = {}
    for family, dose, number in sorted(conditions.itertuples(index=False, name=None)):
        if family not in top or strength(family, number) > strength(family, top[family][1]):
            top[family] = dose, number
    return dosed[dosed["dose"] == dosed["family"].map({family: dose for family, (dose, _) in top.items()})]
