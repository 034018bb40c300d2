"""Cosine between families of their effects over the hidden layers, with intervals, and the head apart.

What is drawn was computed by the analysis: profiles at each family's strongest dose (table `similarity`), and the
effect on the head, which is one layer and has no profile (table `condition_effects`).
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from weightscape.families import DECAY, DROPOUT
from weightscape.figures.parts import style
from weightscape.metrics.spectral_metrics import IN_FIGURES, PRIMARY, title
from weightscape.metrics.summaries import strongest
from weightscape.words import signed

TABLES = ("similarity", "condition_effects")
REGULARISERS = (DROPOUT, DECAY)
COLORS = "PuOr"  # diverging, told apart under colour blindness
CELL = 0.215  # inches
ROW = 0.13  # inches of one family among intervals
DARK = 0.65  # |cosine| above which a cell is dark
LIMIT = 1.5  # of the axis of corrected cosines, which may leave [-1, 1]
NOISE = "profile not told from noise"
NOTE = (
    "each family's strongest dose that does not destroy accuracy; "
    "bold: the interval of the noise-corrected cosine excludes 0; framed: own runs"
)

BELOW = (
    "bars: intervals; hollow: the profile is too noisy for one; arrows: the interval goes on beyond the axis.\n"
    "The head is one layer: its cosine with any other is 1 or \u22121, so that it has an effect but no matrix"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """A matrix of families by families per metric; below, intervals for the two regularisers, and for the head."""
    table = tables["similarity"]
    effects = tables["condition_effects"]
    effects = effects[~effects["destructive"].astype(bool)]
    heads = effects[(effects["scope"] == "head") & (effects["metric"] == PRIMARY)]
    return style.each_setup(
        table[table["metric"].isin(IN_FIGURES)],
        lambda part: sum(_sizes(part)),
        lambda block, part: _setup(block, part, style.of_setup(heads, part)),
        "No similarity of families was computed.",
    )


def _sizes(part: style.Table) -> tuple[float, float]:
    """Inches of the two rows of matrices, and of the row of intervals."""
    families = part["family"].nunique()
    return 2 * (max(CELL * families, 0.9) + 1.0), ROW * families + 1.1


def _setup(block: SubFigure, part: style.Table, heads: style.Table) -> None:
    families = style.ordered([*part["family"], *part["other"]])
    above, below = block.subfigures(2, 1, squeeze=False, height_ratios=_sizes(part))[:, 0]
    axes = above.subplots(2, 2, squeeze=False).ravel()
    image = None
    for axis, metric in zip(axes, IN_FIGURES, strict=True):
        image = _matrix(axis, part[part["metric"] == metric], families)
        axis.set_title(f"{title(metric)}\n{_size(part[part['metric'] == metric])}")
    above.supxlabel(NOTE, fontsize=6, color=style.REFERENCE)
    if image is not None:
        above.colorbar(
            image, ax=list(axes), shrink=0.5, label="cosine of effects over hidden layers", pad=0.02, ticks=(-1, 0, 1)
        )
    columns = below.subplots(1, 3, sharey=True, squeeze=False)[0]
    for axis, regulariser in zip(columns, REGULARISERS, strict=False):
        _to_regulariser(axis, part[part["metric"] == PRIMARY], families, regulariser)
    _head(columns[2], heads, families)
    columns[0].set_yticks(range(len(families)), [style.look(family).title for family in families])
    columns[0].set_ylim(len(families) - 0.5, -0.5)
    below.supxlabel(BELOW, fontsize=6, color=style.REFERENCE)


def _size(rows: style.Table) -> str:
    if rows.empty:
        return "no data"
    return f"n = {style.span(rows['layers'])} layers, {style.span(rows['n'])} runs a pair"


def matrices(rows: style.Table, families: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Cosines [families, families], NaN where there is none, and whether each one's interval excludes 0."""
    values = np.full((len(families), len(families)), np.nan)
    clear = np.zeros(values.shape, bool)
    at = {family: place for place, family in enumerate(families)}
    for one, other, cosine, low, high in rows[["family", "other", "cosine", "low", "high"]].itertuples(index=False):
        for i, j in ((at[one], at[other]), (at[other], at[one])):
            values[i, j], clear[i, j] = cosine, low > 0 or high < 0
    return values, clear


def _matrix(axis: Axes, rows: style.Table, families: list[str]) -> AxesImage:
    values, clear = matrices(rows, families)
    image = axis.imshow(values, cmap=COLORS, vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(values):
        known = np.isfinite(value)
        text = signed(value, 2).replace("0.", ".", 1) if known else "\u2013"
        color = "white" if known and abs(value) > DARK else "black"
        weight = "bold" if clear[i, j] else "normal"
        axis.text(j, i, text, ha="center", va="center", fontsize=5, color=color, fontweight=weight)
        if i == j:
            axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, lw=1.0, ec="black"))
    titles = [style.look(family).title for family in families]
    axis.set_xticks(range(len(families)), titles, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(families)), titles)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return image


def _to_regulariser(axis: Axes, rows: style.Table, families: list[str], regulariser: str) -> None:
    """Corrected cosines of every family with one regulariser, with their intervals."""
    for place, family in enumerate(families):
        if family == regulariser:
            _absent(axis, place, "itself")
            continue
        pair = rows[
            ((rows["family"] == family) & (rows["other"] == regulariser))
            | ((rows["family"] == regulariser) & (rows["other"] == family))
        ]
        if len(pair):
            found = pair.iloc[0][["corrected", "low", "high"]].to_numpy(float)
            known = bool(np.isfinite(found[0]))
            _interval(axis, place, family, *found) if known else _absent(axis, place, NOISE)
            _arrows(axis, place, family, *found[1:])
    axis.set_xlim(-LIMIT, LIMIT)
    _zero(axis, f"corrected cosine with {style.look(regulariser).title}", f"hidden layers, {title(PRIMARY)}")


def _arrows(axis: Axes, place: int, family: str, low: float, high: float) -> None:
    """Arrows at the ends of the axis where an interval goes on beyond them."""
    for beyond, at, marker in ((low < -LIMIT, -LIMIT, "<"), (high > LIMIT, LIMIT, ">")):
        if beyond:
            axis.plot(at, place, marker, color=style.look(family).color, ms=4.5, mew=0, clip_on=False)


def _absent(axis: Axes, place: int, reason: str) -> None:
    """Why a family has no mark; on paper's ground, so that the line of zero does not cross the words."""
    axis.text(0, place, reason, ha="center", va="center", fontsize=5, color=style.REFERENCE, backgroundcolor="white")


def _head(axis: Axes, rows: style.Table, families: list[str]) -> None:
    """The effect of each family's strongest dose on the head, with its interval."""
    top = strongest(rows) if len(rows) else rows
    for place, family in enumerate(families):
        own = top[top["family"] == family]
        if len(own):
            _interval(axis, place, family, *own.iloc[0][["estimate", "low", "high"]].to_numpy(float))
    axis.xaxis.set_major_locator(MaxNLocator(4))
    _zero(axis, f"effect on {title(PRIMARY)}", "head" if len(top) else "head: not measured")


def _interval(axis: Axes, place: int, family: str, value: float, low: float, high: float) -> None:
    look = style.look(family)
    axis.plot([low, high], [place, place], color=look.color, lw=1.0)
    filled = look.color if np.isfinite([low, high]).all() else "white"
    axis.plot(value, place, look.marker, color=look.color, mfc=filled)


def _zero(axis: Axes, label: str, title: str) -> None:
    axis.axvline(0, color=style.REFERENCE, lw=0.6, zorder=0)
    axis.set_xlabel(label)
    axis.set_title(title)
