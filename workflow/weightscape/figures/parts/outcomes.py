"""The outcomes that figures by dose draw, with their labels."""

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import Measure
from weightscape.metrics.outcomes import ROBUST

MEASURES = (
    Measure("test", "test\naccuracy (%)"),
    Measure("ood", "mean OOD\naccuracy (%)"),
    Measure("ece", "ECE on\ntest (%)"),
    Measure(ROBUST, "effective\nrobustness\n(points)"),
)


def present(part: style.Table) -> list[Measure]:
    """The measures that some run has."""
    return [measure for measure in MEASURES if (part["measure"] == measure.name).any()]
