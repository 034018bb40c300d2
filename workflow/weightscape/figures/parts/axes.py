"""Axes that figures share: ticks as powers of ten, symmetric logarithms, ticks apart, and panels without data."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, SymmetricalLogLocator

from weightscape.figures.parts import style
from weightscape.words import RAISED

NEAR = 0.2  # share of the axis; ticks that are nearer to their neighbour are left out


def power_of_ten(value: float) -> str:
    """`10\u207b\u00b3` for 0.001, `\u22123 \u00d7 10\u00b2` for -300, `0` for zero; the factor has one digit.

    Plain text: a parser of formulas costs tenths of a second, and the PDF a second font.
    """
    if value == 0:
        return "0"
    factor, exponent = f"{abs(value):.0e}".split("e")
    power = "10" + str(int(exponent)).translate(RAISED)
    return ("\u2212" if value < 0 else "") + (power if factor == "1" else f"{factor} \u00d7 {power}")


def in_powers(axis: Axis) -> None:
    """Name the ticks of an axis by powers of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))


def symlog_axis(
    axis: Axes, means: style.Table, which: Literal["x", "y"] = "y", rounding: Callable[[float], float] = np.ceil
) -> None:
    """Make an axis linear within the seed spread and logarithmic outside; `means` has mean and sd.

    Linear up to the power of ten above the median spread, or, with `rounding` np.round, the nearest one.
    """
    line = axis.yaxis if which == "y" else axis.xaxis
    largest, spread = means["mean"].abs().max(), means["sd"].median()
    spread = spread if spread > 0 else largest / 10
    threshold = float(10 ** rounding(np.log10(spread))) if spread > 0 else 1.0
    if not threshold <= largest:  # all within the linear part
        line.set_major_locator(MaxNLocator(4))
        return
    (axis.set_yscale if which == "y" else axis.set_xscale)("symlog", linthresh=threshold, linscale=0.7)
    line.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
    line.set_minor_locator(NullLocator())
    in_powers(line)


def apart(at: np.ndarray, near: float = NEAR) -> np.ndarray:
    """Indices of the ticks to keep: the last, and each that is not nearer than this share to the one kept after it."""
    limit = near * (np.ptp(at) or 1.0)
    kept = [len(at) - 1]
    for index in range(len(at) - 2, -1, -1):
        if at[kept[-1]] - at[index] >= limit:
            kept.append(index)
    return np.array(kept[::-1])


def say(axis: Axes, words: str) -> None:
    """Write words into the middle of an empty panel."""
    axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", va="center", color=style.REFERENCE)
