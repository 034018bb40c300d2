"""Accuracy on the test set, mean accuracy on the OOD sets, and calibration error against dose."""

import pandas as pd
from matplotlib.figure import Figure

from weightscape.figures import style
from weightscape.figures.dose_grid import Measure, dose_grid, height_of

TABLES = ("evaluation",)
RUN = [*style.SETUP, "family", "dose", "number", "seed"]
MEASURES = (
    Measure("test", "test\naccuracy (%)"),
    Measure("ood", "mean OOD\naccuracy (%)"),
    Measure("ece", "ECE on\ntest (%)"),
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: test accuracy, OOD accuracy, calibration error; columns: families."""
    return style.each_setup(
        measured(tables["evaluation"]),
        style.SETUP,
        lambda _: height_of(MEASURES),
        lambda block, part: dose_grid(block, part, MEASURES),
        "No run was evaluated.",
    )


def measured(evaluation: style.Table) -> style.Table:
    """The three measures of each run, in percent; the OOD sets have equal weight."""
    test = evaluation[evaluation["split"] == "test"]
    ood = evaluation[evaluation["split"].str.startswith("ood-")]
    parts = [
        test[RUN].assign(measure="test", value=100 * test["accuracy"]),
        ood.groupby(RUN, as_index=False)["accuracy"].mean().rename(columns={"accuracy": "value"}).assign(measure="ood"),
        test[RUN].assign(measure="ece", value=100 * test["ece"]),
    ]
    parts[1]["value"] *= 100
    return pd.concat(parts, ignore_index=True)
