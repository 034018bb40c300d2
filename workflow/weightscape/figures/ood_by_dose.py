"""Accuracy on each out-of-distribution set against dose."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import Measure, by_dose
from weightscape.figures.parts.marks import marked

TABLES = ("evaluation", "conditions")


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: OOD sets, in the order of the study; columns: families."""
    table = tables["evaluation"]
    table = marked(table[table["split"].astype(str).str.startswith("ood-")], tables)
    table = table.assign(measure=table["split"], value=100 * table["accuracy"])
    return by_dose(table, _rows, 0.95, "No OOD set was evaluated.")


def _rows(part: style.Table) -> list[Measure]:
    names = {name: name.removeprefix("ood-").replace("-", " ") for name in part["measure"].unique()}
    return [Measure(name, f"{words}\naccuracy (%)") for name, words in names.items()]
