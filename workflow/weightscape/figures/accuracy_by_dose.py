"""Accuracy on the test set, mean accuracy on the OOD sets, calibration error and robustness against dose."""

from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.figures.parts.destructive import marked
from weightscape.figures.parts.dose_grid import dose_grid, height_of
from weightscape.figures.parts.outcomes import present
from weightscape.metrics.outcomes import measured
from weightscape.metrics.summaries import SETUP

TABLES = ("evaluation", "conditions")


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: test accuracy, OOD accuracy, calibration error, effective robustness if known; columns: families."""
    return style.each_setup(
        marked(measured(tables["evaluation"]), tables.get("conditions")),
        SETUP,
        lambda part: height_of(present(part)),
        lambda block, part: dose_grid(block, part, present(part)),
        "No run was evaluated.",
    )
