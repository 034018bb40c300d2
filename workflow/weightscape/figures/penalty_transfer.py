"""Penalty transfer: effects of training with one regulariser on the penalties of the others."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from weightscape.figures.parts import style
from weightscape.words import condition, number, signed

TABLES = ("penalty_transfer",)
COLORS = "PuOr_r"  # diverging, told apart under colour blindness
LIMIT = 6.0  # standard deviations at the ends of the colours
DARK = 4.0  # from which on a cell is dark
WHOLE = 100.0  # nats from which on a penalty is a whole number
TENTHS = 20.0  # up to which an effect has a decimal
CELL = 0.3  # inches
ARROW = "\N{RIGHTWARDS ARROW}"
BELOW = (
    f"small: baseline {ARROW} condition (nats); bold: the interval excludes 0;\n"
    "framed: the penalty of what was trained with"
)
ABSENT = "No penalty was measured."


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One matrix per setup: rows are what was trained with, columns whose penalty is measured."""
    table = tables["penalty_transfer"]
    shown = table[~table["destructive"].astype(bool)]
    return style.each_setup(shown, _height, _matrix, ABSENT, width=style.COLUMN)


def _height(part: style.Table) -> float:
    return CELL * len(part[["family", "dose"]].drop_duplicates()) + 1.25


def _matrix(block: SubFigure, part: style.Table) -> None:
    axis = block.subplots()
    trained = part[["family", "dose", "number"]].drop_duplicates()
    order = style.ordered(trained["family"])
    rows = sorted(trained.itertuples(index=False, name=None), key=lambda row: (order.index(row[0]), row[2]))
    columns = style.ordered(part["penalty"])
    values = np.full((len(rows), len(columns)), np.nan)
    for at, (family, dose, _) in enumerate(rows):
        own = part[(part["family"] == family) & (part["dose"] == dose)].set_index("penalty")
        for place, penalty in enumerate(columns):
            if penalty in own.index:
                values[at, place] = own.loc[penalty, "standardised"]
                _cell(axis, (place, at), own.loc[penalty], family == penalty)
    image = axis.imshow(values, cmap=COLORS, vmin=-LIMIT, vmax=LIMIT, aspect="auto")
    heads = part.drop_duplicates("penalty").set_index("penalty")
    titles = [condition(of, str(heads.loc[of, "penalty_dose"])).replace(", ", ",\n") for of in columns]
    axis.set_xticks(range(len(columns)), titles)
    axis.set_yticks(range(len(rows)), [condition(family, dose) for family, dose, _ in rows])
    axis.set_xlabel("penalty of")
    axis.set_ylabel("trained with")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    block.colorbar(image, ax=axis, label="effect, s.d. of runs", ticks=(-LIMIT, 0, LIMIT), extend="both")
    runs = style.span(part["n"])
    block.supxlabel(f"{BELOW}\nn = {runs} runs a cell, with the baseline's", fontsize=6, color=style.REFERENCE)


def _cell(axis: Axes, place: tuple[int, int], row: style.Table, is_own: bool) -> None:
    x, y = place
    effect, clear = float(row["standardised"]), row["low"] > 0 or row["high"] < 0
    color = "white" if abs(effect) > DARK else "black"
    means = f" {ARROW} ".join(
        number(value, 2) if abs(value) < WHOLE else f"{value:.0f}" for value in row[["baseline", "mean"]]
    )
    above = signed(effect, int(abs(effect) < TENTHS)) if np.isfinite(effect) else "\N{EN DASH}"
    weight = "bold" if clear else "normal"
    axis.text(x, y - 0.18, above, ha="center", va="center", fontsize=6.5, color=color, fontweight=weight)
    axis.text(x, y + 0.24, means, ha="center", va="center", fontsize=5, color=color)
    if is_own:
        axis.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, fill=False, lw=1.0, ec="black"))
