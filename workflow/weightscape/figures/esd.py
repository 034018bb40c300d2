"""Empirical spectral density of a few matrices before and after, and of the update, with the law of noise.

With edges a and b the Marchenko-Pastur law (1967) has density
2 sqrt((b - x)(x - a)) / (pi x (sqrt(b) - sqrt(a))^2),
which needs neither the variance nor the ratio of the sides. It is scaled by the share of eigenvalues up to b,
as outliers are no part of the bulk.
"""

from collections.abc import Collection

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.axes import in_powers
from weightscape.figures.parts.marks import dagger, legend, marked, note

TABLES = ("spectra_examples", "conditions")
MATRICES = {"before": "before", "after": "after", "delta": "update (after \u2212 before)"}
LAYERS = 3  # at most
BINS = 40
QUANTILE = 0.95  # of eigenvalues; the linear axis ends a little above
DECADES = 5  # of eigenvalues on logarithmic axes, below the largest
NARROW = 50.0  # ratio of the ends of an axis, below which powers of ten alone are too few ticks
ROW = 1.2  # inches
SHOWN = ("augment", "synthetic_replace", "dropout", "weight_decay")
"""Families whose spectra are drawn over each other; more cannot be told apart. The report's explorer has all."""


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Two rows per layer, linear and logarithmic; columns: before, after, update; one outline per run."""
    return style.each_setup(
        marked(tables["spectra_examples"], tables),
        lambda part: 2 * ROW * len(layers(part)) + 0.6,
        _layers,
        "No spectrum was kept.",
    )


def layers(part: style.Table) -> list[tuple[str, str]]:
    """The layers and parts that are drawn."""
    return list(part[["layer", "part"]].drop_duplicates().head(LAYERS).itertuples(index=False, name=None))


def compared(part: style.Table) -> style.Table:
    """The rows of the baseline and of the families that are compared; all rows if none of these is there."""
    chosen = part["family"].isin(SHOWN)
    return part[chosen | (part["dose"] == BASELINE)] if chosen.any() else part


def law(x: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Density of the Marchenko-Pastur law with the given edges at eigenvalues x > 0."""
    root = np.sqrt(np.clip((upper - x) * (x - lower), 0.0, None))
    return 2 * root / (np.pi * x * (np.sqrt(upper) - np.sqrt(lower)) ** 2)


def _layers(block: SubFigure, part: style.Table) -> None:
    part = compared(part)
    names = layers(part)
    axes = block.subplots(2 * len(names), len(MATRICES), squeeze=False)
    for index, (layer, piece) in enumerate(names):
        rows = part[(part["layer"] == layer) & (part["part"] == piece)]
        for column, matrix in enumerate(MATRICES):
            pair = axes[2 * index : 2 * index + 2, column]
            _matrix(pair, rows[rows["matrix"] == matrix])
            pair[0].set_xlabel("\u03bb")
            pair[1].set_xlabel("\u03bb (log)")
        shape = f"{rows['N'].iloc[0]:.0f} \u00d7 {rows['M'].iloc[0]:.0f}"
        axes[2 * index, 0].set_title(f"{layer} ({shape}): before", loc="left")
        for column, title in list(enumerate(MATRICES.values()))[1:]:
            axes[2 * index, column].set_title(title, loc="left")
        axes[2 * index, 0].set_ylabel("density")
        axes[2 * index + 1, 0].set_ylabel("density (log)")
    drawn = {line.get_linestyle() for axis in axes.flat for line in axis.lines}
    legend(block, _handles(part, drawn), note("", part))


def _matrix(pair: np.ndarray, rows: style.Table) -> None:
    """The linear and the logarithmic panel of one matrix; `before` is equal in all runs and drawn once."""
    spectra = [np.asarray(values, float) for values in rows["eigenvalues"]]
    top = max((values.max() for values in spectra if len(values)), default=0.0)
    if top <= 0:
        for axis in pair:
            axis.text(0.5, 0.5, "no spectrum", transform=axis.transAxes, ha="center", color=style.REFERENCE)
            axis.set(xticks=[], yticks=[])
        return
    rows = rows.head(1) if rows["matrix"].iloc[0] == "before" else rows
    bulk = _bulk_end(rows, spectra[: len(rows)])
    low = max(min(map(_smallest, spectra)), top * 10.0**-DECADES)
    _densities(pair[0], rows, np.linspace(0.0, bulk, BINS + 1))
    _densities(pair[1], rows, np.geomspace(0.9 * low, 1.1 * top, BINS + 1))
    _beyond(pair[0], rows.iloc[0], spectra[0], bulk)
    pair[0].set_xlim(0, bulk)
    pair[0].xaxis.set_major_locator(MaxNLocator(5))
    pair[0].yaxis.set_major_locator(MaxNLocator(4))
    pair[1].set(xscale="log", yscale="log", xlim=(0.8 * low, 1.3 * top))
    for line in (pair[1].xaxis, pair[1].yaxis):
        start, end = line.get_view_interval()
        line.set_major_locator(LogLocator(subs=(1.0,) if end > NARROW * start else (1.0, 3.0), numticks=5))
        line.set_minor_locator(NullLocator())
        in_powers(line)


def _bulk_end(rows: style.Table, spectra: list[np.ndarray]) -> float:
    """End of the linear axis: past the bulk of every run, as single large eigenvalues would flatten it."""
    ends = [1.3 * np.quantile(values, QUANTILE) for values in spectra if len(values)]
    law_end = rows["mp_upper"].iloc[0]
    return float(max([*ends, 1.1 * law_end if np.isfinite(law_end) else 0.0]))


def _beyond(axis: Axes, first: style.Table, values: np.ndarray, end: float) -> None:
    """Say how many eigenvalues of the first run the linear axis leaves out, and whose they are after training."""
    out = np.count_nonzero(values > end)
    if out:
        whose = "" if first["matrix"] == "before" else f"{_name(first['family'], first['dose'])}: "
        words = f"{whose}{out} of {len(values)}\nbeyond, up to {values.max():.3g}"
        axis.text(0.98, 0.95, words, transform=axis.transAxes, ha="right", va="top", fontsize=6)


def _smallest(values: object) -> float:
    positive = np.asarray(values, float)
    positive = positive[positive > 0]
    return float(positive.min()) if positive.size else np.inf


def _densities(axis: Axes, rows: style.Table, edges: np.ndarray) -> None:
    """An outline per run, the baseline's thin and on top, then the law of the first run."""
    heights = []
    for family, dose, matrix, eigenvalues in rows[["family", "dose", "matrix", "eigenvalues"]].itertuples(index=False):
        values = np.asarray(eigenvalues, float)
        heights.append(np.histogram(values, edges)[0] / (max(len(values), 1) * np.diff(edges)))
        width, order = (0.5, 1.5) if dose == BASELINE and matrix != "before" else (0.9, 1.0)
        axis.stairs(heights[-1], edges, baseline=None, color=color(matrix, family, dose), lw=width, zorder=order)
    _limits(axis, np.concatenate(heights), logarithmic=edges[0] > 0)
    first = rows.iloc[0]
    if edges[0] > 0:
        _draw_tail(axis, first)
    if np.isfinite(first["mp_upper"]) and first["mp_upper"] > first["mp_lower"]:
        _draw_law(axis, np.asarray(first["eigenvalues"], float), float(first["mp_lower"]), float(first["mp_upper"]))


def _limits(axis: Axes, heights: np.ndarray, logarithmic: bool) -> None:
    positive = heights[heights > 0]
    if positive.size:
        axis.set_ylim(0.5 * positive.min() if logarithmic else 0.0, (3 if logarithmic else 1.35) * positive.max())


def _draw_law(axis: Axes, values: np.ndarray, lower: float, upper: float) -> None:
    share = np.mean(values <= upper)
    x = np.geomspace(max(lower, upper * 1e-6), upper, 400)
    axis.plot(x, share * law(x, max(lower, 0.0), upper), "--", color="black", lw=0.8)


def tail_density(x: np.ndarray, values: np.ndarray, alpha: float, xmin: float) -> np.ndarray:
    """Power law (alpha - 1) / xmin (x / xmin)^-alpha from xmin on, scaled by the share of values in that tail."""
    return np.mean(values >= xmin) * (alpha - 1) / xmin * (x / xmin) ** -alpha


def _draw_tail(axis: Axes, first: style.Table) -> None:
    alpha, xmin = float(first.get("alpha", np.nan)), float(first.get("xmin", np.nan))
    values = np.asarray(first["eigenvalues"], float)
    if np.isfinite(alpha) and 0 < xmin < values.max():
        x = np.geomspace(xmin, values.max(), 60)
        axis.plot(x, tail_density(x, values, alpha, xmin), ":", color="black", lw=1.1)
        axis.text(0.98, 0.95, f"\u03b1 = {alpha:.2g}", transform=axis.transAxes, ha="right", va="top", fontsize=6)


def color(matrix: str, family: str, dose: str) -> str:
    """The colour of a condition's lines: grey for the baseline and for what is before training."""
    return style.REFERENCE if matrix == "before" or dose == BASELINE else style.look(family).color


def _name(family: str, dose: str) -> str:
    return BASELINE if dose == BASELINE else f"{style.look(family).title}, {dose}"


def condition_handles(part: style.Table) -> dict[str, Line2D]:
    """An entry of a legend for each condition, by its name."""
    handles: dict[str, Line2D] = {}
    for (family, dose), rows in part.groupby(["family", "dose"], sort=False):
        name = _name(family, dose) + dagger(rows) * (dose != BASELINE)
        handles.setdefault(name, Line2D([], [], label=name, color=color("after", family, dose)))
    return handles


def _handles(part: style.Table, drawn: Collection[str]) -> list[Line2D]:
    """Legend: each condition once, then the law and the tail fit if lines of their styles were drawn."""
    handles = condition_handles(part)
    first = next(iter(handles))
    law_line = Line2D([], [], ls="--", lw=0.8, color="black", label=f"Marchenko-Pastur law ({first})")
    tail = Line2D([], [], ls=":", lw=1.1, color="black", label=f"power law \u03b1 ({first})")
    return [*handles.values(), *(line for line in (law_line, tail) if line.get_linestyle() in drawn)]
