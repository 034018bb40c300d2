"""What came of each run: accuracy, calibration and robustness, in percent."""

import pandas as pd

from weightscape.figures.parts import style
from weightscape.figures.parts.dose_grid import Measure
from weightscape.metrics.robustness import unseen

RUN = [*style.SETUP, "family", "dose", "number", "seed"]
ROBUST = "robust"
MEASURES = (
    Measure("test", "test\naccuracy (%)"),
    Measure("ood", "mean OOD\naccuracy (%)"),
    Measure("ece", "ECE on\ntest (%)"),
    Measure(ROBUST, "effective\nrobustness\n(points)"),
)


def measured(evaluation: style.Table) -> style.Table:
    """One row per run and measure, as columns `measure` and `value`.

    OOD accuracy and effective robustness are means over the OOD sets that count (`robustness.unseen`), with equal
    weight; where there is no effective robustness, there is no row.
    """
    test = evaluation[evaluation["split"] == "test"]
    away = evaluation[unseen(evaluation)]
    away = away.assign(robust=away.get("effective_robustness", float("nan")))
    ood = away.groupby(RUN, as_index=False)[["accuracy", "robust"]].mean()
    parts = [
        test[RUN].assign(measure="test", value=100 * test["accuracy"]),
        ood[RUN].assign(measure="ood", value=100 * ood["accuracy"]),
        test[RUN].assign(measure="ece", value=100 * test["ece"]),
        ood[RUN].assign(measure=ROBUST, value=100 * ood["robust"]).dropna(subset="value"),
    ]
    return pd.concat(parts, ignore_index=True)


def present(part: style.Table) -> list[Measure]:
    """The measures that some run has."""
    return [measure for measure in MEASURES if (part["measure"] == measure.name).any()]
