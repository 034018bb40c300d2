"""Effects of diversity, dropout and weight decay in every data set and network, at one glance."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from weightscape.families import COMPARED
from weightscape.figures.parts import style
from weightscape.figures.parts.axes import symlog_axis
from weightscape.metrics.summaries import SETUP

TABLES = ("condition_effects", "conditions", "over_setups")
ABSENT = "No effect of diversity, dropout or weight decay was measured at a dose that stands."
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
MARKERS = ("o", "s", "^", "v", "D", "P", "X")
BAND = 0.78  # of the height of a row that its setups take
HEIGHT, FOOT = 1.75, 0.75  # inches
LEAST = 3  # setups from which on their mean is drawn


class Panel(NamedTuple):
    """A metric and scope of the table `condition_effects`, the title, and the factor of its values."""

    metric: str
    scope: str
    title: str
    factor: float = 1.0


PANELS = (
    Panel("OOD accuracy", "outcome", "OOD accuracy, points", 100),
    Panel("test accuracy", "outcome", "test accuracy, points", 100),
    Panel("ECE", "outcome", "calibration error, points", 100),
    Panel("ln curvature", "outcome", "ln curvature"),
    Panel("log_norm", "hidden", "log10 norm, hidden"),
    Panel("log_stable_rank", "hidden", "log10 stable rank, hidden"),
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per quantity; rows are families, marks are setups, diamonds their means."""
    effects, conditions, over = (tables[name] for name in TABLES)
    if effects.empty or conditions.empty:
        return style.blank(ABSENT)
    keys = [*SETUP, "family", "dose"]
    standing = conditions.loc[conditions["stands"].astype(bool) & conditions["family"].isin(COMPARED), keys]
    shown = effects.merge(standing, on=keys)
    panels = [panel for panel in PANELS if len(_rows(shown, panel))]
    if not panels:
        return style.blank(ABSENT)
    setups = list(shown[list(SETUP)].drop_duplicates().sort_values(list(SETUP)).itertuples(index=False, name=None))
    looks = _looks(setups)
    lines = -(-len(panels) // 3)
    figure = Figure(figsize=(style.PAGE, HEIGHT * lines + FOOT), layout="constrained")
    grid = figure.subplots(lines, min(3, len(panels)), squeeze=False, sharey=True)
    for axis, panel in zip(grid.flat, panels, strict=False):
        rows, means = _rows(shown, panel), _rows(over, panel)
        _panel(axis, rows, setups, looks, panel)
        _say_absent(axis, set(rows["family"]), set(standing["family"]))
        lane = _offsets(len(setups))[-1]
        _means(axis, means[means["setups"] >= LEAST].set_index("family"), lane, panel.factor)
    for axis in grid.flat[len(panels) :]:
        axis.set_axis_off()
    grid[0, 0].set_yticks(range(len(COMPARED)), [style.look(family).title for family in COMPARED])
    grid[0, 0].set_ylim(len(COMPARED) - 0.5, -0.5)
    _legend(figure, setups, looks)
    return figure


def _rows(table: style.Table, panel: Panel) -> style.Table:
    if table.empty:
        return table
    return table[
        (table["metric"] == panel.metric) & (table["scope"] == panel.scope) & table["family"].isin(list(COMPARED))
    ]


def _looks(setups: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """A marker for each data set and a colour for each network."""
    sets = list(dict.fromkeys(dataset for dataset, _ in setups))
    networks = list(dict.fromkeys(backbone for _, backbone in setups))
    return {
        (one, other): (MARKERS[sets.index(one) % len(MARKERS)], COLORS[networks.index(other) % len(COLORS)])
        for one, other in setups
    }


def _panel(axis: Axes, rows: style.Table, setups: Sequence, looks: dict, panel: Panel) -> None:
    axis.set_title(panel.title)
    axis.axvline(0, color=style.REFERENCE, lw=0.5, zorder=0)
    offsets = _offsets(len(setups))
    for row in rows.to_dict("records"):
        setup = row["dataset"], row["backbone"]
        marker, color = looks[setup]
        place = COMPARED.index(row["family"]) + offsets[setups.index(setup)]
        value, low, high = (row[name] * panel.factor for name in ("estimate", "low", "high"))
        axis.plot([low, high], [place, place], color=color, lw=0.7, solid_capstyle="butt")
        axis.plot(value, place, marker=marker, color=color, ms=2.6, mew=0)
    if panel.scope == "hidden":
        spread = (rows["high"] - rows["low"]) / 4
        symlog_axis(axis, rows.assign(mean=rows["estimate"], sd=spread), "x", np.round)


def _say_absent(axis: Axes, shown: set[str], standing: set[str]) -> None:
    """Say in the row of a family without a mark whether a dose of it stands."""
    across = axis.get_yaxis_transform()
    for place, family in enumerate(COMPARED):
        if family not in shown:
            words = "not measured" if family in standing else "no dose stands"
            axis.text(0.5, place, words, transform=across, ha="center", va="center", color=style.REFERENCE, fontsize=6)


def _offsets(setups: int) -> np.ndarray:
    """Where the setups of a row stand about its middle, and last their mean."""
    lanes = setups + (setups >= LEAST)
    return (np.arange(lanes) - (lanes - 1) / 2) * BAND / max(lanes, 4)


def _means(axis: Axes, means: style.Table, lane: float, factor: float) -> None:
    for family in means.index:
        value, low, high = means.loc[family, ["estimate", "low", "high"]].astype(float) * factor
        place = COMPARED.index(family) + lane
        axis.plot([low, high], [place, place], color="black", lw=1.4, solid_capstyle="butt")
        axis.plot(value, place, marker="D", color="black", ms=3.6, mew=0)


def _legend(figure: Figure, setups: Sequence, looks: dict) -> None:
    handles = [
        Line2D([], [], marker=looks[setup][0], color=looks[setup][1], lw=0.7, ms=3, label=", ".join(setup))
        for setup in setups
    ]
    if len(setups) >= LEAST:
        handles.append(Line2D([], [], marker="D", color="black", lw=1.4, ms=3.6, label="mean over these"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=6)
