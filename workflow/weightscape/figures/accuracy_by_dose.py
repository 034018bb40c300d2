"""Accuracy on the test set, mean accuracy on the OOD sets, calibration error and robustness against dose."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import OUTCOMES, Measure, by_dose
from weightscape.figures.parts.marks import marked
from weightscape.metrics.outcomes import measured

TABLES = ("evaluation", "conditions")


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: test accuracy, OOD accuracy, calibration error, effective robustness if known; columns: families."""
    return by_dose(marked(measured(tables["evaluation"]), tables), _rows, 1.15, "No run was evaluated.")


def _rows(part: style.Table) -> list[Measure]:
    return [measure for measure in OUTCOMES if (part["measure"] == measure.name).any()]
