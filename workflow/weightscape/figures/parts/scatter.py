"""Two measures of each condition against each other: one mark per condition, joined from the baseline up by dose.

Marks are means over seeds with standard deviations; the baseline's mark is hollow.
"""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import destructive, style

NOTE = "mean \u00b1 s.d. over n = {seeds} of a condition;\nhollow: the family's own baseline; lines join doses"
ONE_SEED = "one run per condition (n = 1), so that no spread is known;\nhollow: the family's own baseline"
LEGEND = 4  # families per line
FAINT = 0.35  # opacity of the lines that join doses; they cross, and marks are what is read


def summary(table: style.Table, by: Sequence[str], x: str, y: str) -> style.Table:
    """Mean, sd and n of both columns by condition; rows without either are left out."""
    table = table.dropna(subset=[x, y])
    groups = table.groupby([*by, "family", "dose", "number"], sort=True)
    harm = groups["destructive"].any() if "destructive" in table else False
    named = {f"{axis}_{how}": (column, how) for axis, column in (("x", x), ("y", y)) for how in ("mean", "std")}
    return groups.agg(**named, n=(x, "count")).assign(destructive=harm).reset_index()


def draw_marks(axis: Axes, means: style.Table) -> None:
    """The conditions of every family in one panel."""
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(4))
    if means.empty:
        axis.text(0.5, 0.5, "no data", transform=axis.transAxes, ha="center", va="center", color=style.REFERENCE)
        return
    for family in style.ordered(means["family"]):
        look = style.look(family)
        rows = means[means["family"] == family].sort_values("number")
        axis.plot(rows["x_mean"], rows["y_mean"], color=look.color, lw=0.5, alpha=FAINT, zorder=1)
        spread = rows["y_std"].fillna(0.0), rows["x_std"].fillna(0.0)
        axis.errorbar(
            rows["x_mean"], rows["y_mean"], *spread, fmt="none", ecolor=look.color, elinewidth=0.6, alpha=2 * FAINT
        )
        dosed = rows["dose"] != BASELINE
        axis.plot(
            rows["x_mean"][dosed], rows["y_mean"][dosed], look.marker, color=look.color, mec="white", mew=0.3, ms=5
        )
        axis.plot(rows["x_mean"][~dosed], rows["y_mean"][~dosed], "o", color="white", mec=look.color, mew=0.8, ms=3.5)
    destructive.beside(axis, means, "x_mean", "y_mean")


def note_of_runs(counts: style.Column) -> str:
    """Explains marks and error bars, for these numbers of runs of the conditions."""
    several = len(counts) and counts.max() > 1
    return NOTE.format(seeds=style.seeds_in_words(counts)) if several else ONE_SEED


def legend(
    block: SubFigure,
    part: style.Table,
    counts: style.Column,
    across: int = LEGEND,
    words: Callable[[style.Column], str] = note_of_runs,
) -> None:
    """Families by colour and marker, and what the marks are, below the panels."""
    looks = [style.look(family) for family in style.ordered(part["family"])]
    handles = [
        Line2D([], [], ls="", marker=look.marker, color=look.color, mec="white", mew=0.3, ms=5, label=look.title)
        for look in looks
    ]
    note = destructive.note(words(counts), part)
    block.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), across), title=note, title_fontsize=6
    )
