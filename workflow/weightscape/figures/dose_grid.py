"""Panels of values against dose: one column for each family, one row for each measure.

Dots are runs (one per seed), marks their mean with its standard deviation over seeds; the grey band is the
family's own baseline, mean and standard deviation. Rows share their axis, so that families can be compared.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator, NullLocator, SymmetricalLogLocator

from weightscape.figures import style

WIDE = 7  # columns; in more of them panels are narrow
NEAR = 0.2  # share of the axis; ticks that are nearer to their neighbour are left out
ASIDE = 0.07  # of the axis; runs stand beside the error bar of their mean
HEADROOM = 0.75  # inches for titles, dose labels and the note

NOTE = (
    "mean \u00b1 s.d. over n = {seeds} of a condition; dots: single runs; "
    "grey band: mean \u00b1 s.d. of the family's own baseline runs"
)

ONE_SEED = "one run per condition (n = 1), so that no spread is known; line: the family's own baseline"
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


def height_of(measures: Sequence[Measure], each: float = 1.15) -> float:
    """Inches that a grid needs."""
    return each * len(measures) + HEADROOM


def dose_grid(block: SubFigure, table: style.Table, measures: Sequence[Measure]) -> None:
    """Draw the grid; `table` has family, dose, number, seed, measure and value."""
    families = style.ordered(table["family"])
    table = table[np.isfinite(table["value"])].assign(at=_positions(table))
    means = style.summarise(table, ["measure", "family", "at", "dose"])
    axes = block.subplots(len(measures), len(families), sharex="col", sharey="row", squeeze=False)
    for row, measure in zip(axes, measures, strict=True):
        own, runs = means[means["measure"] == measure.name], table[table["measure"] == measure.name]
        for axis, family in zip(row, families, strict=True):
            _panel(axis, own[own["family"] == family], runs[runs["family"] == family], style.look(family))
            if measure.ends:
                _whiskers(axis, means[means["family"] == family], measure.ends, style.look(family))
        row[0].set_ylabel(measure.label)
        _value_axis(row[0], own, measure)
    for top, bottom, family in zip(axes[0], axes[-1], families, strict=True):
        top.set_title(style.look(family).title.replace(" ", "\n", 1), color=style.look(family).color)
        _dose_axis(bottom, table[table["family"] == family], family, len(families))
    if len(means):
        ranges = RANGES if any(measure.ends for measure in measures) else ""
        block.supxlabel(_note(means["n"]) + ranges, fontsize=6, color=style.REFERENCE)


def _note(counts: style.Column) -> str:
    return NOTE.format(seeds=style.seeds_in_words(counts)) if counts.max() > 1 else ONE_SEED


def _panel(axis: Axes, means: style.Table, runs: style.Table, look: style.Family) -> None:
    if means.empty:
        axis.text(0.5, 0.5, "no data", transform=axis.transAxes, ha="center", va="center", color=style.REFERENCE)
        return
    _baseline_band(axis, means[means["dose"] == style.BASELINE])
    aside = ASIDE * (np.ptp(means["at"]) or 1.0)
    axis.plot(runs["at"] + aside, runs["value"], ".", color=look.color, ms=2.5, mew=0)
    axis.errorbar(means["at"], means["mean"], means["sd"].fillna(0.0), color=look.color, elinewidth=0.8)
    dosed = means["dose"] != style.BASELINE
    axis.plot(means["at"][dosed], means["mean"][dosed], look.marker, color=look.color, mec="white", mew=0.3, ms=5)
    axis.plot(means["at"][~dosed], means["mean"][~dosed], "o", color="white", mec=look.color, mew=0.8, ms=3.5)


def _whiskers(axis: Axes, means: style.Table, ends: tuple[str, str], look: style.Family) -> None:
    """Capped lines from the mean of the one measure to that of the other, to the left of the marks."""
    low, high = (means[means["measure"] == name].set_index("at")["mean"] for name in ends)
    low, high = low.align(high, join="inner")
    if low.empty:
        return
    middle, half = (low + high) / 2, (high - low) / 2
    at = low.index.to_numpy(float) - ASIDE * (np.ptp(low.index.to_numpy(float)) or 1.0)
    axis.errorbar(at, middle, half, ls="", color=look.color, alpha=0.55, elinewidth=0.7, capsize=1.6, capthick=0.7)


def _baseline_band(axis: Axes, baseline: style.Table) -> None:
    for row in baseline.itertuples():
        spread = 0.0 if np.isnan(row.sd) else row.sd
        axis.axhspan(row.mean - spread, row.mean + spread, color="0.88", lw=0, zorder=0)
        axis.axhline(row.mean, color=style.REFERENCE, lw=0.5, zorder=0)


def _positions(table: style.Table) -> style.Column:
    return table.groupby("family")["number"].transform(lambda numbers: positions(str(numbers.name), numbers))


def positions(family: str, numbers: style.Column | np.ndarray) -> np.ndarray:
    """Where doses stand: at their number, or at its log10 with 0 one decade below the smallest."""
    values = np.asarray(numbers, float)
    if not style.look(family).log:
        return values
    positive = values[values > 0]
    lowest = np.log10(positive.min()) if positive.size else 0.0
    return np.where(values > 0, np.log10(np.where(values > 0, values, 1.0)), lowest - 1)


def _dose_axis(axis: Axes, rows: style.Table, family: str, columns: int) -> None:
    """Ticks at the doses and nowhere else, named by their number."""
    look = style.look(family)
    label = look.axis + (" (log)" if look.log else "")
    axis.set_xlabel(_in_lines(label, columns), fontsize=7 if columns <= WIDE else 6)
    numbers = np.unique(rows["number"].dropna())
    if not len(numbers):
        axis.set_xticks([])
        return
    at = positions(family, numbers)
    kept = apart(at, columns)
    axis.set_xticks(at[kept], [f"{number:g}" for number in numbers[kept]])
    span = np.ptp(at) or 1.0
    axis.set_xlim(at.min() - 0.15 * span, at.max() + 0.15 * span)


def apart(at: np.ndarray, columns: int = WIDE) -> np.ndarray:
    """Indices of the ticks to keep: the last, and each that is not too near to the one kept after it."""
    limit = NEAR * max(1.0, columns / WIDE) ** 2 * (np.ptp(at) or 1.0)
    kept = [len(at) - 1]
    for index in range(len(at) - 2, -1, -1):
        if at[kept[-1]] - at[index] >= limit:
            kept.append(index)
    return np.array(kept[::-1])


def _in_lines(words: str, columns: int) -> str:
    """A label in several lines where it is too long for a narrow panel."""
    return "\n".join(textwrap.wrap(words, 12 if columns <= WIDE else 10, break_long_words=False))


def _value_axis(axis: Axes, means: style.Table, measure: Measure) -> None:
    if not measure.symlog:
        axis.yaxis.set_major_locator(MaxNLocator(4))
        return
    symlog_axis(axis, means)


def symlog_axis(axis: Axes, means: style.Table, which: Literal["x", "y"] = "y") -> None:
    """An axis that is linear within the seed spread and logarithmic outside; `means` has mean and sd."""
    line = axis.yaxis if which == "y" else axis.xaxis
    threshold = _threshold(means)
    if threshold > np.nanmax(means["mean"].abs(), initial=0.0):  # all within the linear part
        line.set_major_locator(MaxNLocator(4))
        return
    (axis.set_yscale if which == "y" else axis.set_xscale)("symlog", linthresh=threshold, linscale=0.7)
    line.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
    line.set_minor_locator(NullLocator())


def _threshold(means: style.Table) -> float:
    """The power of ten above the median seed spread: the axis is linear below it."""
    spread = means["sd"].median()
    if not spread > 0:
        spread = means["mean"].abs().max() / 10
    return float(10 ** np.ceil(np.log10(spread))) if spread > 0 else 1.0
