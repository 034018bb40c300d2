"""How families, groups and data sets of published tables look, and what their figures share."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightscape.figures.parts import style
from weightscape.published.conditions import Conditions

Looks = Mapping[str, style.Look]
SPARE = ("#4d4d4d", "#8a5a2b", "#2f6f8f", "#8f2f5f")
MARKERS = "os^DvPX*<>hd"


def looks_of(conditions: Conditions) -> dict[str, style.Look]:
    """Title and colour of each group and family.

    A group named as one of Weightscape's families looks like it, and so does the published family that its conditions
    come first in; others take the colours of SPARE in turn.
    """
    spare = itertools.cycle(SPARE)
    found = {
        group: style.LOOKS.get(group) or style.Look(group.replace("_", " "), next(spare), "o")
        for group in conditions.groups
    }
    own = {
        family: replace(found[conditions.group_of(members[0]) or ""], title=family)
        for family, members in conditions.families.items()
        if family not in found
    }
    return found | own


def markers(datasets: Iterable[str]) -> dict[str, str]:
    """A marker for each data set."""
    return dict(zip(sorted(set(datasets)), itertools.cycle(MARKERS), strict=False))


def legend(figure: Figure, entries: Mapping[str, Line2D], note: str) -> None:
    """Explains lines and marks below the panels, with a note."""
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(len(entries), 7), title=note)


def mark(marker: str, color: str = style.REFERENCE, line: str = "", filled: bool = True) -> Line2D:
    """An entry of a legend."""
    return Line2D([], [], marker=marker, color=color, ls=line, mfc=color if filled else "white", ms=4)


def zero(axis: Axes, vertical: bool = False) -> None:
    """The line of no effect."""
    (axis.axvline if vertical else axis.axhline)(0, color=style.REFERENCE, lw=0.6, zorder=0)
