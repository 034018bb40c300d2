"""Accuracy on each out-of-distribution set against dose."""

from matplotlib.figure import Figure, SubFigure

from weightscape.figures.parts import style
from weightscape.figures.parts.destructive import marked
from weightscape.figures.parts.dose_grid import Measure, dose_grid, height_of
from weightscape.metrics.summaries import SETUP

TABLES = ("evaluation", "conditions")


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: OOD sets; columns: families."""
    table = tables["evaluation"]
    table = table[table["split"].astype(str).str.startswith("ood-")]
    table = marked(table, tables.get("conditions")).assign(measure=table["split"], value=100 * table["accuracy"])
    return style.each_setup(
        table, SETUP, lambda part: height_of(rows_of(part), 0.95), _panel, "No OOD set was evaluated."
    )


def _panel(block: SubFigure, part: style.Table) -> None:
    dose_grid(block, part, rows_of(part))


def rows_of(part: style.Table) -> list[Measure]:
    """One row per OOD set, in the order of the study."""
    return [Measure(name, _label(name)) for name in part["measure"].unique()]


def _label(split: str) -> str:
    return split.removeprefix("ood-").replace("-", " ") + "\naccuracy (%)"
