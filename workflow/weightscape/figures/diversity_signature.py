"""The intervention that diversity is nearest to: cosines of its effect with those of known ones, in each scope."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from weightscape.figures.parts import style
from weightscape.figures.parts.axes import say
from weightscape.metrics import signature_words
from weightscape.words import family
from weightscape.words import scope as in_words

TABLES = ("signature",)
HALF = 0.5**0.5
"""The cosine at which an intervention alone explains half of the effect."""
PALE = 0.35
HEIGHT = 1.9  # inches of a block
CHARACTERS = 32  # of a line of a panel's title


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per scope, one bar per intervention; the nearest in full colour."""
    return style.each_setup(tables["signature"], lambda part: HEIGHT, _panels, "No signature was measured.")


def _panels(block: SubFigure, part: style.Table) -> None:
    scopes = list(dict.fromkeys(part["scope"]))
    axes = block.subplots(1, len(scopes), squeeze=False, sharey=True)[0]
    names = [name for name in dict.fromkeys(part["explanation"]) if name != signature_words.OWN]
    shown = part[np.isfinite(part["cosine"].astype(float))]
    ways = shown.groupby("explanation")["opposite"].nunique()
    mixed = ways.index[ways > 1]
    for axis, scope in zip(axes, scopes, strict=True):
        rows = part[part["scope"] == scope]
        answer = textwrap.fill(signature_words.answer(rows), CHARACTERS)
        axis.set_title(
            f"{in_words(scope)}:\n{answer}", fontweight="bold" if signature_words.is_told(rows) else "normal"
        )
        _bars(axis, rows.set_index("explanation"), names)
        for name in rows.loc[rows["explanation"].isin(mixed) & rows["opposite"].astype(bool), "explanation"]:
            axis.text(-1.04, names.index(name), "opposite", fontsize=5, va="center")
    labels = [family(name) if name in mixed else signature_words.title(part, name) for name in names]
    axes[0].set_yticks(range(len(names)), labels)
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    block.supxlabel("of the effects of diversity and an intervention; 1: alike, \N{MINUS SIGN}1: opposite", fontsize=6)
    half = Line2D([], [], color=style.REFERENCE, lw=0.8, ls=(0, (3, 2)), label="explains half of the effect")
    block.legend(handles=[half], loc="outside lower right", fontsize=6)


def _bars(axis: Axes, rows: style.Table, names: list[str]) -> None:
    """The cosines with their intervals."""
    if not np.isfinite(rows["cosine"].astype(float)).any():
        say(axis, "not measured")
        axis.set_xticks([])
        return
    axis.axvline(0, color=style.REFERENCE, lw=0.5, zorder=0)
    for side in (-HALF, HALF):
        axis.axvline(side, color=style.REFERENCE, lw=0.8, ls=(0, (3, 2)), zorder=0)
    for place, name in enumerate(names):
        value, low, high = rows.loc[name, ["cosine", "cosine_low", "cosine_high"]].astype(float)
        if np.isfinite(value):
            look, nearest = style.look(name), bool(rows.loc[name, "nearest"])
            axis.barh(place, value, height=0.62, color=look.color, alpha=1.0 if nearest else PALE, lw=0)
            axis.plot(np.clip([low, high], -1.05, 1.05), [place, place], color="black", lw=0.8)
    axis.set_xlabel("cosine")
    axis.set_xlim(-1.08, 1.08)
    axis.set_xticks([-1, 0, 1], ["\N{MINUS SIGN}1", "0", "1"])
