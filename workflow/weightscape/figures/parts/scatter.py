"""Two measures of each condition against each other: one mark per condition, joined from the baseline up by dose.

Marks are means over seeds with standard deviations; the baseline's mark is hollow.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import marks, style
from weightscape.figures.parts.axes import say

SEVERAL = "mean \u00b1 s.d. over n = {n} of a condition;\nhollow: the baseline; lines join doses"
RUNS = marks.Counted(
    "seed", SEVERAL, "one run per condition (n = 1), so that no spread is known;\nhollow: the baseline"
)
DATA_SETS = marks.Counted(
    "data set", SEVERAL, "n = 1: 1 data set, no interval;\nhollow: the baseline; lines join doses"
)
FAINT = 0.35  # opacity of the lines that join doses; they cross, and marks are what is read


def summary(table: style.Table, by: Sequence[str], x: str, y: str) -> style.Table:
    """Mean, sd and n of both columns by condition; rows without either are left out."""
    table = table.dropna(subset=[x, y])
    groups = table.groupby([*by, "family", "dose", "number"], sort=True)
    named = {f"{axis}_{how}": (column, how) for axis, column in (("x", x), ("y", y)) for how in ("mean", "std")}
    return groups.agg(**named, n=(x, "count"), destructive=("destructive", "any")).reset_index()


def draw_marks(axis: Axes, means: style.Table) -> None:
    """The conditions of every family in one panel."""
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(4))
    if means.empty:
        say(axis, "no data")
        return
    for family in style.ordered(means["family"]):
        look = style.look(family)
        rows = means[means["family"] == family].sort_values("number")
        axis.plot(rows["x_mean"], rows["y_mean"], color=look.color, lw=0.5, alpha=FAINT, zorder=1)
        spread = rows["y_std"].fillna(0.0), rows["x_std"].fillna(0.0)
        line = {"fmt": "none", "ecolor": look.color, "elinewidth": 0.6, "alpha": 2 * FAINT}
        axis.errorbar(rows["x_mean"], rows["y_mean"], *spread, **line)
        dosed = rows["dose"] != BASELINE
        doses, plain = rows[dosed], rows[~dosed]
        axis.plot(doses["x_mean"], doses["y_mean"], look.marker, color=look.color, mec="white", mew=0.3, ms=5)
        axis.plot(plain["x_mean"], plain["y_mean"], "o", color="white", mec=look.color, mew=0.8, ms=3.5)
    marks.beside(axis, means, "x_mean", "y_mean")


def legend(
    block: SubFigure, part: style.Table, counts: style.Column, across: int = 4, counted: marks.Counted = RUNS
) -> None:
    """Families by colour and marker, and what the marks are, below the panels."""
    handles = marks.family_handles(part, ls="", mec="white", mew=0.3, ms=5)
    marks.legend(block, handles, marks.note(counted.note(counts), part), across)
