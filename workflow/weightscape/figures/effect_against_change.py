"""Mean effect on the spectra against how far the hidden weights moved, one mark per condition.

Most conditions move the weights as far as the baseline does; so the axis counts from the baseline, and is linear
within the seed spread and logarithmic outside.
"""

import numpy as np
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.parts import scatter, style
from weightscape.figures.parts.axes import symlog_axis
from weightscape.figures.parts.marks import marked
from weightscape.metrics.spectral_metrics import IN_FIGURES, title
from weightscape.metrics.summaries import SETUP, in_each_family

TABLES = ("run_effects", "weight_change", "conditions")
RUN = [*SETUP, "family", "dose", "seed"]


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per metric."""
    return style.each_setup(
        marked(paired(tables["run_effects"], tables["weight_change"]), tables),
        lambda _: 4.3,
        _panels,
        "No run has both an effect and a change of its weights.",
    )


def paired(run_effects: style.Table, weight_change: style.Table) -> style.Table:
    """Each run's mean effect on the hidden layers beside `points`, the relative change of its hidden weights in percent
    beyond the mean of the baseline.
    """
    hidden = in_each_family(weight_change[weight_change["role"] == "hidden"])
    family = [*SETUP, "family"]
    base = hidden[hidden["dose"] == BASELINE].groupby(family)["relative_change"].mean().rename("base")
    change = hidden.join(base, on=family).set_index(RUN)[["relative_change", "base"]]
    effects = in_each_family(style.hidden_change(run_effects, IN_FIGURES))
    rows = effects.join(change, on=RUN).dropna(subset=["relative_change"])
    return rows.assign(points=100 * (rows["relative_change"] - rows["base"]))


def _panels(block: SubFigure, part: style.Table) -> None:
    axes = block.subplots(2, 2, squeeze=False, sharex=True).ravel()
    means = scatter.summary(part, ["metric"], "points", "effect_mean")
    for axis, metric in zip(axes, IN_FIGURES, strict=True):
        rows = means[means["metric"] == metric]
        scatter.draw_marks(axis, rows)
        if len(rows):
            symlog_axis(axis, rows.rename(columns={"y_mean": "mean", "y_std": "sd"}), rounding=np.round)
            symlog_axis(axis, rows.rename(columns={"x_mean": "mean", "x_std": "sd"}), "x", np.round)
        axis.axhline(0, color=style.REFERENCE, lw=0.5, zorder=0)
        axis.set_ylabel(f"effect on\n{title(metric)}")
    for axis in axes[2:]:
        axis.set_xlabel("relative change of the hidden weights,\nabove the baseline's (percentage points)")
    scatter.legend(block, part, means["n"])
