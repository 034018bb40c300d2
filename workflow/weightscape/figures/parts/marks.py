"""Explains the marks of a figure below its panels: legends, what n counts, and the dagger of destructive conditions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from weightscape.figures.parts import style
from weightscape.metrics.summaries import SETUP

DAGGER = "\N{DAGGER}"
WORDS = f"{DAGGER}: destroys accuracy or labels"
SINGLE = "\nwithout error bar or band: 1 data set, no interval"


@dataclass(frozen=True)
class Counted:
    """A figure's note about n: what it counts, the words for several (with {n}) and for one per condition."""

    noun: str
    several: str
    one: str

    def note(self, counts: style.Column) -> str:
        """The note for these numbers of runs or data sets of the conditions."""
        if not len(counts) or counts.max() < 2:
            return self.one
        single = SINGLE if self.noun == "data set" and counts.min() < 2 else ""
        return self.several.format(n=style.seeds_in_words(counts, self.noun)) + single


def marked(table: style.Table, tables: style.Tables) -> style.Table:
    """The table with `destructive`: whether the table `conditions` has its condition as one (in its setup)."""
    conditions = tables.get("conditions")
    keys = [name for name in (*SETUP, "family", "dose") if name in table]
    if conditions is None or conditions.empty or table.empty:
        return table.assign(destructive=False)
    harmful = conditions.loc[conditions["destructive"].astype(bool), keys].drop_duplicates()
    return table.assign(destructive=pd.MultiIndex.from_frame(table[keys]).isin(pd.MultiIndex.from_frame(harmful)))


def dagger(rows: style.Table) -> str:
    """A dagger for rows of a destructive condition."""
    return DAGGER if "destructive" in rows and np.any(rows["destructive"]) else ""


def note(words: str, rows: style.Table) -> str:
    """A note, with the meaning of the dagger if some of its rows have one."""
    return f"{words}\n{WORDS}".strip() if dagger(rows) else words


def beside(axis: Axes, rows: style.Table, x: str, y: str) -> None:
    """Daggers at the upper right of the marks of destructive conditions."""
    harmful = rows[rows["destructive"].astype(bool)]
    for at in zip(harmful[x], harmful[y], strict=True):
        axis.annotate(DAGGER, at, (2.5, 1.5), textcoords="offset points", fontsize=6, annotation_clip=True)


def legend(block: SubFigure, handles: Sequence[Line2D], words: str, across: int = 4) -> None:
    """Entries below the panels, so many on a line, with a note."""
    columns = min(len(handles), across)
    block.legend(handles=handles, loc="outside lower center", ncols=columns, title=words, title_fontsize=6)


def family_handles(part: style.Table, **how) -> list[Line2D]:
    """An entry of a legend for each family, by colour and marker."""
    looks = [style.look(family) for family in style.ordered(part["family"])]
    return [Line2D([], [], marker=look.marker, color=look.color, label=look.title, **how) for look in looks]
