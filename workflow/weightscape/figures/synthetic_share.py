"""Accuracy against the share of synthetic images, added or replacing, beside further real images."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE, DRAWING_FAMILIES
from weightscape.figures.parts import style
from weightscape.figures.parts.axes import apart
from weightscape.figures.parts.dose_grid import OUTCOMES
from weightscape.figures.parts.marks import beside, family_handles, legend, marked, note
from weightscape.metrics.outcomes import ROBUST, measured
from weightscape.metrics.summaries import in_each_family, summarise

TABLES = ("evaluation", "conditions")
NOTE = "mean \u00b1 s.d. over seeds (n = {n} runs a condition); grey band: mean \u00b1 s.d. of the baseline"


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Panels: test accuracy, mean OOD accuracy, calibration error; a mark per dose, a curve per family."""
    table = marked(in_each_family(measured(tables["evaluation"])), tables)
    return style.each_setup(
        table[table["family"].isin(DRAWING_FAMILIES)],
        lambda _: 2.3,
        _panels,
        "No family of this study adds or replaces images.",
    )


def _panels(block: SubFigure, part: style.Table) -> None:
    shown = [measure for measure in OUTCOMES if measure.name != ROBUST]
    axes = block.subplots(1, len(shown))
    for axis, measure in zip(axes, shown, strict=True):
        rows = part[part["measure"] == measure.name]
        base = rows.loc[(rows["dose"] == BASELINE) & (rows["family"] == rows["family"].iloc[0]), "value"]
        if len(base):
            spread = 0.0 if pd.isna(base.std()) else base.std()
            axis.axhspan(base.mean() - spread, base.mean() + spread, color="0.88", lw=0, zorder=0)
            axis.axhline(base.mean(), color=style.REFERENCE, lw=0.5, zorder=0)
        for family in style.ordered(rows["family"]):
            look = style.look(family)
            means = summarise(rows[rows["family"] == family], ["number", "dose", "destructive"])
            alone = means[~means["number"].duplicated(keep=False)]
            axis.plot(alone["number"], alone["mean"], color=look.color)
            mark = {"fmt": look.marker, "color": look.color, "mec": "white", "mew": 0.3, "ms": 5, "elinewidth": 0.8}
            axis.errorbar(means["number"], means["mean"], means["sd"].fillna(0.0), **mark)
            beside(axis, means, "number", "mean")
        axis.set_xlabel("share of the real set that is\nadded or replaced")
        axis.set_ylabel(measure.label)
        axis.set_xticks(np.unique(rows["number"])[apart(np.unique(rows["number"]))])
        axis.yaxis.set_major_locator(MaxNLocator(4))
    counts = part[part["measure"] == "test"].groupby(["family", "dose"])["seed"].nunique()
    legend(block, family_handles(part, ms=5), note(NOTE.format(n=style.span(counts)), part))
