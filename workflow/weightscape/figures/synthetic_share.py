"""Accuracy against the share of synthetic images, added or replacing, beside further real images."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE, DRAWING_FAMILIES
from weightscape.figures.parts import dose_grid, style
from weightscape.figures.parts.destructive import beside, marked, note
from weightscape.figures.parts.outcomes import MEASURES
from weightscape.metrics.outcomes import ROBUST, measured
from weightscape.metrics.summaries import SETUP, summarise

TABLES = ("evaluation", "conditions")
NOTE = (
    "mean \u00b1 s.d. over seeds (n = {n} runs a condition); grey band: mean \u00b1 s.d. of these families' baselines"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Panels: test accuracy, mean OOD accuracy, calibration error; a mark per dose, a curve per family."""
    table = marked(measured(tables["evaluation"]), tables.get("conditions"))
    return style.each_setup(
        table[table["family"].isin(DRAWING_FAMILIES)],
        SETUP,
        lambda _: 2.3,
        _panels,
        "No family of this study adds or replaces images.",
    )


def _panels(block: SubFigure, part: style.Table) -> None:
    shown = [measure for measure in MEASURES if measure.name != ROBUST]
    axes = block.subplots(1, len(shown))
    for axis, measure in zip(axes, shown, strict=True):
        rows = part[part["measure"] == measure.name]
        base = rows.loc[rows["dose"] == BASELINE, "value"]
        if len(base):
            spread = 0.0 if pd.isna(base.std()) else base.std()
            axis.axhspan(base.mean() - spread, base.mean() + spread, color="0.88", lw=0, zorder=0)
            axis.axhline(base.mean(), color=style.REFERENCE, lw=0.5, zorder=0)
        for family in style.ordered(rows["family"]):
            look = style.look(family)
            means = summarise(rows[rows["family"] == family], ["number", "dose", "destructive"])
            alone = means[~means["number"].duplicated(keep=False)]
            axis.plot(alone["number"], alone["mean"], color=look.color)
            axis.errorbar(
                means["number"],
                means["mean"],
                means["sd"].fillna(0.0),
                fmt=look.marker,
                color=look.color,
                mec="white",
                mew=0.3,
                ms=5,
                elinewidth=0.8,
            )
            beside(axis, means, "number", "mean")
        axis.set_xlabel("share of the real set that is\nadded or replaced")
        axis.set_ylabel(measure.label)
        axis.set_xticks(np.unique(rows["number"])[dose_grid.apart(np.unique(rows["number"]))])
        axis.yaxis.set_major_locator(MaxNLocator(4))
    looks = [style.look(family) for family in style.ordered(part["family"])]
    handles = [Line2D([], [], marker=look.marker, color=look.color, ms=5, label=look.title) for look in looks]
    counts = part[part["measure"] == "test"].groupby(["family", "dose"])["seed"].nunique()
    n = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    block.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        title=note(NOTE.format(n=n), part),
        title_fontsize=6,
    )
