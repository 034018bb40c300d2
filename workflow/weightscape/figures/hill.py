"""Hill plots: the tail exponent as a function of how many of the largest eigenvalues are taken for the tail."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.esd import MATRICES, color, compared, condition_handles, layers
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import legend, marked, note

TABLES = ("spectra_examples", "conditions")
ROW = 1.35  # inches
FIRST = 3  # eigenvalues of the shortest tail
SHORT = 0.1  # share of eigenvalues below which curves are too ragged to scale an axis by
TOP = 12.0  # end of the exponent's axis, at most
DASHED = (0, (3, 3))  # of the baseline, on top, so that curves below it are seen in its gaps


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: layers; columns: before, after, update; one curve per condition, a mark at the share that is one half."""
    return style.each_setup(
        marked(tables["spectra_examples"], tables),
        lambda part: ROW * len(layers(part)) + 0.7,
        _panels,
        "No spectrum was kept.",
    )


def hill_curve(eigenvalues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share k / r and exponent 1 + k / sum_(i<=k) ln(x_i / x_(k+1)) for each k of r positive values, largest first."""
    logs = np.log(np.sort(np.asarray(eigenvalues, float)[np.asarray(eigenvalues) > 0])[::-1])
    k = np.arange(1, len(logs))
    gaps = np.cumsum(logs)[:-1] - k * logs[1:]
    with np.errstate(divide="ignore"):
        return (k / len(logs))[FIRST - 1 :], (1 + k / gaps)[FIRST - 1 :]


def _panels(block: SubFigure, part: style.Table) -> None:
    part = compared(part)
    names = layers(part)
    axes = block.subplots(len(names), len(MATRICES), squeeze=False, sharex=True)
    for row, (layer, piece) in zip(axes, names, strict=True):
        rows = part[(part["layer"] == layer) & (part["part"] == piece)]
        for axis, (matrix, title) in zip(row, MATRICES.items(), strict=True):
            spectra = rows[rows["matrix"] == matrix]
            _curves(axis, spectra.head(1) if matrix == "before" else spectra, matrix)
            axis.set_title(f"{layer}: {title}" if matrix == "before" else title, loc="left")
        row[0].set_ylabel("Hill exponent")
    for axis in axes[-1]:
        axis.set_xlabel("share of eigenvalues in the tail (%)")
    handles = condition_handles(part)
    if BASELINE in handles:
        handles[BASELINE].set_linestyle(DASHED)
    legend(block, list(handles.values()), note("", part))


def _curves(axis: Axes, rows: style.Table, matrix: str) -> None:
    heights = [TOP / 4]
    for family, dose, values in rows[["family", "dose", "eigenvalues"]].itertuples(index=False, name=None):
        share, exponent = hill_curve(values)
        plain = matrix == "before" or dose == BASELINE
        dash = DASHED if plain and matrix != "before" else "-"
        shade = color(matrix, family, dose)
        axis.plot(100 * share, exponent, ls=dash, color=shade, lw=0.9, zorder=3 if plain else 2)
        heights.extend(exponent[np.isfinite(exponent) & (share > SHORT)])
    axis.set_xlim(0, 100)
    axis.set_ylim(1, min(TOP, 1.05 * max(heights)))
