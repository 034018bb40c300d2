"""Accuracy on each OOD set against accuracy on the test set, both on logit axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import dagger, family_handles, legend, marked
from weightscape.metrics.summaries import SETUP

TABLES = ("evaluation", "conditions")
COLUMNS, ROW = 4, 1.75  # panels per row; inches
ROUND = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995])
NOTE = "each mark: one run (n = {runs} runs); hollow: baseline; grey line: equal accuracy on both sets"
RING = 5.5  # points; a dagger beside each run would overlap
RINGED = "\nringed: the condition destroys accuracy or labels"
PREDICTED = "; dashes: OOD accuracy that test accuracy predicts"
APART = 0.24  # of the axis, between ticks, at least


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per OOD set, one mark per run."""
    return style.each_setup(
        marked(paired(tables["evaluation"]), tables),
        lambda part: ROW * -(-part["split"].nunique() // COLUMNS) + 0.6,
        _panels,
        "No OOD set was evaluated.",
    )


def paired(evaluation: style.Table) -> style.Table:
    """Each run's accuracy on each OOD set beside its test accuracy, as `ood` and `test`; 0 and 1 have no logit."""
    run = [*SETUP, "family", "dose", "seed"]
    test = evaluation[evaluation["split"] == "test"].set_index(run)["accuracy"].rename("test")
    ood = evaluation[evaluation["split"].astype(str).str.startswith("ood-")].rename(columns={"accuracy": "ood"})
    table = ood.join(test, on=run)
    inside = table[["test", "ood"]].gt(0).all(axis=1) & table[["test", "ood"]].lt(1).all(axis=1)
    return table[inside]


def logit(p: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)) of p in (0, 1)."""
    return np.log(p / (1 - p))


def _panels(block: SubFigure, part: style.Table) -> None:
    splits = list(part["split"].unique())
    rows = -(-len(splits) // COLUMNS)
    axes = block.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis, split in zip(axes, splits, strict=False):
        own = part[part["split"] == split]
        for family in style.ordered(own["family"]):
            look = style.look(family)
            runs = own[own["family"] == family]
            dosed = runs["dose"] != BASELINE
            x, y = logit(runs["test"].to_numpy(float)), logit(runs["ood"].to_numpy(float))
            axis.plot(x[dosed], y[dosed], look.marker, color=look.color, ms=3.5, mec="white", mew=0.2)
            axis.plot(x[~dosed], y[~dosed], "o", color="white", mec=look.color, mew=0.7, ms=3)
        harm = own[own["destructive"].astype(bool) & (own["dose"] != BASELINE)]
        x, y = logit(harm["test"].to_numpy(float)), logit(harm["ood"].to_numpy(float))
        axis.plot(x, y, "o", mfc="none", mec="0.15", mew=0.5, ms=RING)
        _prediction(axis, own)
        _ticks(axis)
        axis.set_title(split.removeprefix("ood-").replace("-", " "))
        axis.set_xlabel("test accuracy (%)")
    for axis in axes[len(splits) :]:
        axis.set_axis_off()
    for axis in axes[::COLUMNS][:rows]:
        axis.set_ylabel("OOD accuracy (%)")
    runs = part[["family", "dose", "seed"]].drop_duplicates()
    note = NOTE.format(runs=len(runs)) + (PREDICTED if np.isfinite(_robustness(part)).any() else "")
    note += RINGED if dagger(part) else ""
    legend(block, family_handles(part, ls="", ms=4), note)


def _robustness(rows: style.Table) -> np.ndarray:
    return np.asarray(rows.get("effective_robustness", np.full(len(rows), np.nan)), float)


def _prediction(axis: Axes, rows: style.Table) -> None:
    """The line from which effective robustness is measured, through the predicted accuracy of the extreme runs."""
    predicted = rows["ood"].to_numpy(float) - _robustness(rows)
    known = (predicted > 0) & (predicted < 1)
    if known.any():
        x, y = logit(rows["test"].to_numpy(float)[known]), logit(predicted[known])
        ends = [x.argmin(), x.argmax()]
        axis.plot(x[ends], y[ends], color="0.35", lw=0.8, ls=(0, (4, 2)), zorder=1)


def ticks(low: float, high: float) -> list[float]:
    """Logits of round accuracies between low and high, at least a quarter of the axis apart."""
    ends = 1 / (1 + np.exp(-np.array([low, high])))
    even = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]).tick_values(*(100 * ends))
    even = np.asarray(even, float) / 100
    kept: list[float] = []
    for at in logit(np.unique([*ROUND, *even[(even > 0) & (even < 1)]]).round(6)):
        if low <= at <= high and (not kept or at - kept[-1] >= APART * (high - low)):
            kept.append(float(at))
    return kept


def _ticks(axis: Axes) -> None:
    """Percent at round accuracies, and the line of equality if it is in view."""
    for line in (axis.xaxis, axis.yaxis):
        low, high = line.get_view_interval()
        line.set_major_locator(FixedLocator(ticks(low, high)))
        line.set_major_formatter(FuncFormatter(lambda value, _: f"{100 / (1 + np.exp(-value)):.3g}"))
        line.set_minor_locator(NullLocator())
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    axis.plot([left, right], [left, right], color="0.75", lw=0.8, zorder=0)
    axis.set(xlim=(left, right), ylim=(bottom, top))
