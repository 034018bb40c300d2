"""Further measures of diversity side by side, in the backbone's embedding: where they disagree with the Vendi score."""

from matplotlib.figure import Figure, SubFigure

from weightscape.figures.parts import data_sets, style
from weightscape.figures.parts.destructive import marked
from weightscape.figures.parts.dose_grid import Measure, dose_grid, height_of
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
    table = marked(table[table["measure"].isin(MEASURES) & (table["space"] == spaces[0])], tables.get("conditions"))
    return style.each_setup(
        table, ["dataset"], lambda part: height_of(rows_of(part), 1.05), _panel, "No such measure was taken."
    )


def _panel(block: SubFigure, part: style.Table) -> None:
    dose_grid(block, part, rows_of(part), data_sets.note)


def rows_of(part: style.Table) -> list[Measure]:
    """One row for each measure that the table has."""
    there = set(part["measure"])
    return [Measure(name, label) for name, label in MEASURES.items() if name in there]
