"""Further measures of diversity side by side, in the backbone's embedding: where they disagree with the Vendi score."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import DATA_SETS, Measure, by_dose
from weightscape.figures.parts.marks import marked
from weightscape.metrics.outcomes import each_once

TABLES = ("diversity", "conditions")
MEASURES = {
    "weighted.score.covariance": "weighted Vendi\n(invariant \u03c1)",
    "pldiv.mean": "PLDiv",
    "cluster_entropy.value": "cluster entropy\n(nats)",
    "recall": "recall of\nreal images",
    "coverage": "coverage of\nreal images",
    "kid.value": "KID to\nreal images",
}
"""Measures that are drawn if the table has them."""
PIXELS = "pixels"


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: measures in the first embedding; columns: families."""
    table = each_once(tables["diversity"])
    spaces = [space for space in dict.fromkeys(table["space"]) if space != PIXELS] or [PIXELS]
    table = marked(table[table["measure"].isin(MEASURES) & (table["space"] == spaces[0])], tables)
    return by_dose(table, _rows, 1.05, "No such measure was taken.", ["dataset"], DATA_SETS)


def _rows(part: style.Table) -> list[Measure]:
    present = set(part["measure"])
    return [Measure(name, label) for name, label in MEASURES.items() if name in present]
