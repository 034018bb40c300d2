"""Powers of ten as plain text: a parser of formulas costs tenths of a second, and the PDF a second font."""

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter

from weightscape.words import RAISED


def power_of_ten(value: float) -> str:
    """`10\u207b\u00b3` for 0.001, `\u22123 \u00d7 10\u00b2` for -300, `0` for zero; the factor has one digit."""
    if value == 0:
        return "0"
    factor, exponent = f"{abs(value):.0e}".split("e")
    power = "10" + str(int(exponent)).translate(RAISED)
    return ("\u2212" if value < 0 else "") + (power if factor == "1" else f"{factor} \u00d7 {power}")


def in_powers(axis: Axis) -> None:
    """Name the ticks of an axis by powers of ten."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))
