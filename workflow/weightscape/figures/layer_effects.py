"""Effect of each family's strongest dose on the log norm of every layer; the head has an axis of its own."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import dagger, marked, note
from weightscape.metrics.layer_order import in_depth
from weightscape.metrics.spectral_metrics import PRIMARY, title
from weightscape.metrics.summaries import in_each_family, strongest, summarise

TABLES = ("effects", "conditions")
ROW = 0.85  # inches per family, less where they would not fit a page
TALL, AROUND = 9.4, 1.3  # inches of a page, and of names and note
NAMES = 26  # layer names on the axis, at most
NOTE = "mean \u00b1 s.d. over seeds; grey: \u00b1 s.d. of the baseline runs; scales differ between rows"
ONE_SEED = "one run per condition (n = 1), so that no spread is known; scales differ between rows"


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One row per family: hidden layers from input to output, then the head."""
    effects = tables["effects"]
    return style.each_setup(
        marked(in_each_family(effects[(effects["metric"] == PRIMARY) & (effects["source"] == "change")]), tables),
        lambda part: min(ROW * part["family"].nunique() + AROUND, TALL),
        _families,
        "No effect was measured.",
    )


def profile(rows: style.Table) -> style.Table:
    """Mean and sd over seeds for each layer and part, from input to output."""
    table = summarise(rows.assign(name=labels(rows)), ["name"], "effect").set_index("name")
    return table.reindex(in_depth(labels(rows)))


def labels(rows: style.Table) -> style.Column:
    """The layer, and its part if it has several."""
    part = rows["part"].astype(str)
    whole = rows["part"].isna() | (part == "") | (part.groupby(rows["layer"]).transform("nunique") == 1)
    return rows["layer"].where(whole, rows["layer"] + "." + part)


def _families(block: SubFigure, part: style.Table) -> None:
    top = strongest(part)
    families = style.ordered(part["family"])
    axes = block.subplots(len(families), 2, sharex="col", squeeze=False, width_ratios=[14, 1])
    for (hidden, head), family in zip(axes, families, strict=True):
        for axis, role in ((hidden, "hidden"), (head, "head")):
            own = part[(part["role"] == role) & (part["family"] == family)]
            _curve(axis, top[(top["role"] == role) & (top["family"] == family)], own, family)
            axis.yaxis.set_major_locator(MaxNLocator(3, min_n_ticks=2))
        hidden.set_title(
            _title(family, top[top["family"] == family]), loc="left", pad=2, color=style.look(family).color
        )
        hidden.margins(x=0.01)
        head.yaxis.tick_right()
        head.spines["left"].set_visible(False)
        head.spines["right"].set_visible(True)
    _names(axes[-1, 0], profile(part[part["role"] == "hidden"]).index)
    axes[-1, 1].set_xticks([0], ["head"])
    axes[-1, 1].set_xlim(-1, 1)
    axes[-1, 0].set_xlabel("hidden layer, input to output")
    known = len(top["seed"].unique()) > 1
    block.supxlabel(note(NOTE if known else ONE_SEED, top), fontsize=6, color=style.REFERENCE)
    block.supylabel(f"effect on {title(PRIMARY)}", fontsize=7)


def _title(family: str, rows: style.Table) -> str:
    if rows.empty:
        return f"{style.look(family).title}: baseline only"
    dose, seeds = rows["dose"].iloc[0], rows["seed"].nunique()
    return f"{style.look(family).title}, {dose}{dagger(rows)} (n = {style.seeds_in_words(pd.Series([seeds]))})"


def _curve(axis: Axes, rows: style.Table, own: style.Table, family: str) -> None:
    """Mean and sd over seeds; behind them the sd of the baseline runs around zero."""
    order = in_depth(labels(own))
    at = np.arange(len(order))
    noise = profile(own[own["dose"] == BASELINE]).reindex(order)["sd"].fillna(0.0)
    axis.axhline(0, color=style.REFERENCE, lw=0.5)
    if len(order) == 1:
        axis.errorbar(at, [0.0], noise, color="0.88", elinewidth=8)
    else:
        axis.fill_between(at, -noise, noise, color="0.88", lw=0, step="mid", zorder=0)
    if rows.empty:
        return
    look = style.look(family)
    means = profile(rows).reindex(order)
    mark = {"fmt": look.marker, "ms": 3, "color": look.color, "elinewidth": 0.7, "mew": 0}
    axis.errorbar(at, means["mean"], means["sd"].fillna(0.0), **mark)


def _names(axis: Axes, names: pd.Index) -> None:
    step = max(1, int(np.ceil(len(names) / NAMES)))
    at = np.arange(0, len(names), step)
    axis.set_xticks(at, [str(names[i]) for i in at], rotation=90, fontsize=5)
