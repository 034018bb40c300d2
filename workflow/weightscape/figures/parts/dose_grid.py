"""Values against dose: one column for each family, one row for each measure.

Dots are runs (one per seed), marks their mean with its standard deviation over seeds; the grey band is the
baseline, mean and standard deviation. Rows share their axis, so that families can be compared.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import marks, style
from weightscape.figures.parts.axes import NEAR, apart, symlog_axis
from weightscape.metrics.outcomes import ROBUST
from weightscape.metrics.summaries import SETUP, in_each_family, summarise

WIDE = 7  # columns; in more of them panels are narrow
WITHIN = 0.68  # of a column; from its first dose to its last
GAP = 0.04  # of a column; between bands of neighbours
ASIDE = 0.06  # of a column; runs stand beside the error bar of their mean
CAP = 3.2  # points; width of a whisker's cap
BELOW = -14  # points below the axes; under the numbers of the doses
HEADROOM = 0.75  # inches for titles, dose labels and the note

RUNS = marks.Counted(
    "seed",
    "mean \u00b1 s.d. over n = {n} of a condition; dots: single runs; grey band: mean \u00b1 s.d. of the baseline runs",
    "one run per condition (n = 1), so that no spread is known; line: the baseline",
)
DATA_SETS = marks.Counted(
    "data set",
    "mean \u00b1 s.d. over n = {n} of a condition (seeds that share their images share one); "
    "dots: single data sets; grey: the baseline",
    "n = 1: 1 data set, no interval; line: the baseline",
)
RANGES = "\ncapped whiskers: range over orders of the rows"


@dataclass(frozen=True)
class Measure:
    """A row of panels: what it shows (a value of column `measure`), label with unit, kind of axis.

    `ends` are two more values of `measure`, least and greatest, between which a whisker stands beside each mean.
    """

    name: str
    label: str
    symlog: bool = False
    ends: tuple[str, str] | None = None


OUTCOMES = (
    Measure("test", "test\naccuracy (%)"),
    Measure("ood", "mean OOD\naccuracy (%)"),
    Measure("ece", "ECE on\ntest (%)"),
    Measure(ROBUST, "effective\nrobustness\n(points)"),
)


def by_dose(
    table: style.Table,
    measures: Callable[[style.Table], Sequence[Measure]],
    row: float,
    absent: str,
    keys: Sequence[str] = SETUP,
    counted: marks.Counted = RUNS,
) -> Figure:
    """A grid for each setup, of the measures that `measures` names for its rows, each `row` inches high."""
    return style.each_setup(
        in_each_family(table),
        lambda part: row * len(measures(part)) + HEADROOM,
        lambda block, part: dose_grid(block, part, measures(part), counted),
        absent,
        keys,
    )


def dose_grid(block: SubFigure, table: style.Table, measures: Sequence[Measure], counted: marks.Counted = RUNS) -> None:
    """Draw the grid; `table` has family, dose, number, seed, measure and value; n is what `counted` counts.

    A row is one pair of axes, in which each family has a column of width 1: with axes of its own for every panel, a
    figure takes four times as long.
    """
    families = style.ordered(table["family"])
    table = table[np.isfinite(table["value"])]
    table = table.assign(at=_places(table, families))
    means = summarise(table, ["measure", "family", "at", "dose"])
    axes = block.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for axis, measure in zip(axes, measures, strict=True):
        own, runs = means[means["measure"] == measure.name], table[table["measure"] == measure.name]
        _row(axis, own, runs, families)
        if measure.ends:
            _whiskers(axis, means, measure.ends)
        axis.vlines(range(1, len(families)), 0, 1, color="0.85", lw=0.6, transform=axis.get_xaxis_transform())
        axis.set_ylabel(measure.label)
        if measure.symlog:
            symlog_axis(axis, own)
        else:
            axis.yaxis.set_major_locator(MaxNLocator(4))
    _name_columns(axes[0], axes[-1], families)
    _dose_axis(axes[-1], table, families)
    if len(means):
        ranges = RANGES if any(measure.ends for measure in measures) else ""
        block.supxlabel(marks.note(counted.note(means["n"]) + ranges, table), fontsize=6, color=style.REFERENCE)


def _row(axis: Axes, means: style.Table, runs: style.Table, families: Sequence[str]) -> None:
    """The conditions of all families; one collection for each kind of mark, as each artist costs milliseconds."""
    for column in np.flatnonzero(~np.isin(families, means["family"])):
        place = axis.get_xaxis_transform()
        axis.text(column + 0.5, 0.5, "no data", transform=place, ha="center", va="center", color=style.REFERENCE)
    if means.empty:
        return
    dosed, colors = (means["dose"] != BASELINE).to_numpy(), _colors(means)
    _baseline_bands(axis, means[~dosed])
    axis.scatter(runs["at"] + ASIDE, runs["value"], 2.5**2, _colors(runs), marker=".", lw=0, zorder=2)
    lines = {str(family): rows[["at", "mean"]].to_numpy() for family, rows in means.groupby("family")}
    shades = [style.look(family).color for family in lines]
    axis.add_collection(LineCollection(list(lines.values()), colors=shades, lw=1.0, zorder=2))
    at, mean, spread = means["at"], means["mean"], means["sd"].fillna(0.0)
    axis.vlines(at, mean - spread, mean + spread, colors, lw=0.8, zorder=2)
    for family, rows in means[dosed].groupby("family"):
        look = style.look(str(family))
        axis.plot(rows["at"], rows["mean"], look.marker, color=look.color, mec="white", mew=0.3, ms=5)
    plain = means[~dosed]
    axis.scatter(plain["at"], plain["mean"], 3.5**2, "white", edgecolors=_colors(plain), lw=0.8, zorder=2)


def _colors(table: style.Table) -> list[str]:
    """The colour of each row's family."""
    return [style.look(family).color for family in table["family"]]


def _whiskers(axis: Axes, means: style.Table, ends: tuple[str, str]) -> None:
    """Capped lines from the mean of the one measure to that of the other, to the left of the marks."""
    low, high = (means[means["measure"] == name].set_index(["family", "at"])["mean"] for name in ends)
    low, high = low.align(high, join="inner")
    table = low.reset_index()
    if table.empty:
        return
    at, colors = table["at"] - ASIDE, _colors(table)
    axis.vlines(at, low, high, colors, lw=0.7, alpha=0.55, zorder=2)
    for end in (low, high):
        axis.scatter(at, end, CAP**2, colors, marker="_", lw=0.7, alpha=0.55, zorder=2)


def _baseline_bands(axis: Axes, baselines: style.Table) -> None:
    column, mean = np.floor(baselines["at"].to_numpy()), baselines["mean"].to_numpy()
    left, right, spread = column + GAP, column + 1 - GAP, baselines["sd"].fillna(0.0).to_numpy()
    corners = [(left, mean - spread), (right, mean - spread), (right, mean + spread), (left, mean + spread)]
    bands = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    axis.add_collection(PolyCollection(list(bands), color="0.88", lw=0, zorder=0))
    axis.hlines(mean, left, right, style.REFERENCE, lw=0.5, zorder=0)


def _places(table: style.Table, families: Sequence[str]) -> style.Column:
    """Where each row stands: in its family's column, the doses over `WITHIN` of its width."""
    column = table["family"].map({family: place for place, family in enumerate(families)}).astype(float)
    return column + table.groupby("family")["number"].transform(lambda n: _within(positions(str(n.name), n)))


def _within(at: np.ndarray) -> np.ndarray:
    """Positions on an axis as positions in a column of width 1."""
    low, span = np.min(at, initial=np.inf), np.ptp(at)
    return (1 - WITHIN) / 2 + WITHIN * (at - low) / span if span else np.full(len(at), 0.5)


def _name_columns(top: Axes, bottom: Axes, families: Sequence[str]) -> None:
    """The families above the first row, and what the numbers of their doses are below the last."""
    narrow = len(families) > WIDE
    for column, family in enumerate(families):
        look = style.look(family)
        title = look.title.replace(" ", "\n", 1)
        _word(top, title, (column + 0.5, 1), 3, color=look.color, fontsize=7 if narrow else 8)
        label = textwrap.wrap(look.axis + " (log)" * look.log, 10 if narrow else 12, break_long_words=False)
        _word(bottom, "\n".join(label), (column + 0.5, 0), BELOW, fontsize=6 if narrow else 7)


def _word(axis: Axes, word: str, at: tuple[float, float], above: float, **how: Any) -> None:
    """A word in the middle of a column, so many points above (below) the upper (lower) end of the axes."""
    place = {"xycoords": axis.get_xaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
    axis.annotate(word, at, (0, above), ha="center", va="bottom" if above > 0 else "top", **place, **how)


def positions(family: str, numbers: style.Column | np.ndarray) -> np.ndarray:
    """Where doses stand: at their number, or at its log10 with 0 one decade below the smallest."""
    values = np.asarray(numbers, float)
    if not style.look(family).log:
        return values
    positive = values[values > 0]
    lowest = np.log10(positive.min()) if positive.size else 0.0
    return np.where(values > 0, np.log10(np.where(values > 0, values, 1.0)), lowest - 1)


def _dose_axis(axis: Axes, table: style.Table, families: Sequence[str]) -> None:
    """Ticks at the doses and nowhere else, named by their number (and a dagger)."""
    ticks: dict[float, str] = {}
    for column, family in enumerate(families):
        own = table[table["family"] == family]
        numbers = np.unique(own["number"].dropna())
        if len(numbers):
            at = column + _within(positions(family, numbers))
            ticks |= {
                float(at[k]): f"{numbers[k]:g}{marks.dagger(own[own['number'] == numbers[k]])}"
                for k in apart(at, NEAR * max(1.0, len(families) / WIDE) ** 2)
            }
    axis.set_xticks(list(ticks), list(ticks.values()))
    axis.tick_params(axis="x", labelsize=6 if len(families) <= WIDE else 5.5)
    axis.set_xlim(0, max(1, len(families)))
