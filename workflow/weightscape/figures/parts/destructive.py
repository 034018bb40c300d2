"""Conditions that destroy what they train, by the analysis' table `conditions`: a dagger wherever they are drawn."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from weightscape.figures.parts import style
from weightscape.metrics.summaries import SETUP

DAGGER = "\N{DAGGER}"
WORDS = f"{DAGGER}: destroys accuracy or labels"


def marked(table: style.Table, conditions: style.Table | None) -> style.Table:
    """The table with `destructive`: whether its condition is, in this data set and (if the table has one) backbone."""
    keys = [name for name in (*SETUP, "family", "dose") if name in table]
    if conditions is None or conditions.empty or table.empty:
        return table.assign(destructive=False)
    found = conditions.loc[conditions["destructive"].astype(bool), keys].drop_duplicates()
    return table.assign(destructive=pd.MultiIndex.from_frame(table[keys]).isin(pd.MultiIndex.from_frame(found)))


def dagger(rows: style.Table) -> str:
    """A dagger for rows of a destructive condition."""
    return DAGGER if "destructive" in rows and np.any(rows["destructive"]) else ""


def note(words: str, rows: style.Table) -> str:
    """A note, with the meaning of the dagger if some of its rows have one."""
    return f"{words}\n{WORDS}" if dagger(rows) else words


def beside(axis: Axes, rows: style.Table, x: str, y: str) -> None:
    """Daggers at the upper right of the marks of destructive conditions."""
    known = rows[rows["destructive"].astype(bool)] if "destructive" in rows else rows.head(0)
    for at in zip(known[x], known[y], strict=True):
        axis.annotate(DAGGER, at, (2.5, 1.5), textcoords="offset points", fontsize=6, annotation_clip=True)


def legend_note(rows: style.Table) -> dict[str, Any]:
    """Title of a legend that explains the dagger, if some rows have one."""
    return {"title": WORDS, "title_fontsize": 6} if dagger(rows) else {}
