"""The A/A null: differences between disjoint groups of baseline runs, beside what could be detected and what was found.

Each pair of families gives one difference of the mean changes of their baselines, with Student's t interval. The
smallest detectable effect is that which a two-sided t test of n against n runs at 5 % finds with 80 % power
(normal approximation of the non-central t): (t(.975) + t(.8)) s sqrt(2 / n), s pooled within the baselines.
"""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.destructive import dagger, marked, note
from weightscape.metrics.spectral_metrics import IN_FIGURES, title
from weightscape.metrics.strongest import strongest
from weightscape.metrics.summaries import SETUP
from weightscape.words import signed

TABLES = ("run_effects", "conditions")
POWER = 0.8
NOTE = (
    "dots: differences of two families' baselines, bars: their 95 % t intervals; shaded: below the smallest\n"
    "detectable effect (n = {n} runs a group, two-sided 5 %, power 80 %); marks: each family's strongest dose"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per metric: effects in units of the smallest detectable effect."""
    table = tables["run_effects"]
    kept = (table["role"] == "hidden") & (table["source"] == "change") & table["metric"].isin(IN_FIGURES)
    return style.each_setup(
        marked(table[kept], tables.get("conditions")),
        SETUP,
        lambda part: 0.17 * (_rows(part) + 1) * 2 + 1.7,
        _panels,
        "No effect was measured.",
    )


def _rows(part: style.Table) -> int:
    return part["family"].nunique()


def differences(rows: style.Table) -> style.Table:
    """Difference of the mean changes of every two families' baselines, with half width and the pooled s and df."""
    groups = [part["value_mean"].dropna().to_numpy(float) for _, part in rows.groupby("family", sort=True)]
    groups = [group for group in groups if len(group)]
    df = sum(len(group) - 1 for group in groups)
    s = np.sqrt(sum(((group - group.mean()) ** 2).sum() for group in groups) / df) if df else np.nan
    found = [
        {"difference": a.mean() - b.mean(), "half": _t(0.975, df) * s * np.sqrt(1 / len(a) + 1 / len(b))}
        for a, b in itertools.combinations(groups, 2)
    ]
    size = min((len(group) for group in groups), default=0)
    table = pd.DataFrame(found, columns=["difference", "half"])
    table.attrs |= {"s": s, "df": df, "n": size}
    return table


def detectable(s: float, df: int, n: int) -> float:
    """The smallest detectable difference of two means of n runs; NaN where the spread is not known."""
    return (_t(0.975, df) + _t(POWER, df)) * s * np.sqrt(2 / n) if n and df else float("nan")


def _t(level: float, df: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, level)) if df else float("nan")


def _panels(block: SubFigure, part: style.Table) -> None:
    axes = block.subplots(2, 2, squeeze=False, sharey=True).ravel()
    top = strongest(part)
    families = style.ordered(part["family"])
    for axis, metric in zip(axes, IN_FIGURES, strict=True):
        null = differences(part[(part["metric"] == metric) & (part["dose"] == BASELINE)])
        unit = detectable(null.attrs["s"], null.attrs["df"], null.attrs["n"])
        axis.set_title(title(metric))
        if not unit > 0:
            axis.text(0.5, 0.5, "needs two seeds", transform=axis.transAxes, ha="center", color=style.REFERENCE)
            axis.set(xticks=[], yticks=[])
            continue
        _draw(axis, null / unit, top[top["metric"] == metric].groupby("family")["effect_mean"].mean() / unit, families)
        axis.set_xlabel(f"in smallest detectable effects (one is {unit:.2g})")
    axes[0].set_yticks(
        range(len(families) + 1),
        ["A/A", *(style.look(name).title + dagger(top[top["family"] == name]) for name in families)],
    )
    for axis in axes[::2]:
        axis.set_ylabel("family")
    n = part[part["dose"] == BASELINE].groupby("family")["seed"].nunique()
    block.supxlabel(note(NOTE.format(n=int(n.min()) if len(n) else 0), top), fontsize=6, color=style.REFERENCE)


def _draw(axis: Axes, null: style.Table, effects: style.Column, families: list[str]) -> None:
    axis.axvspan(-1, 1, color="0.92", lw=0, zorder=0)
    axis.axvline(0, color=style.REFERENCE, lw=0.5, zorder=0)
    spread = np.linspace(-0.4, 0.4, len(null)) if len(null) > 1 else np.zeros(len(null))
    width = min(0.4, 6 / max(len(null), 1))  # many pairs stay apart
    axis.errorbar(null["difference"], spread, xerr=null["half"], fmt="none", ecolor="0.7", elinewidth=width)
    axis.plot(null["difference"], spread, ".", ms=2, mew=0, color="black")
    for place, family in enumerate(families, 1):
        if family in effects and np.isfinite(effects[family]):
            look = style.look(family)
            axis.plot([0, effects[family]], [place, place], color=look.color, lw=0.8)
            axis.plot([effects[family]], [place], look.marker, color=look.color, ms=4.5, mec="white", mew=0.3)
    axis.set_xscale("symlog", linthresh=1, linscale=1)
    limit = 1.6 * max(1.0, effects.abs().max(), (null["difference"].abs() + null["half"]).max())
    axis.set_xlim(-limit, limit)
    axis.set_xticks(*_ticks(limit))
    axis.minorticks_off()
    axis.set_ylim(len(families) + 0.6, -0.6)


def _ticks(limit: float) -> tuple[list[float], list[str]]:
    """Zero, one and powers of ten on both sides."""
    sizes = [1.0, *(10.0**power for power in range(1, 8) if 10.0**power <= limit)]
    sizes = sizes if len(sizes) < 4 else sizes[:: len(sizes) // 2]
    values = [*(-size for size in reversed(sizes)), 0.0, *sizes]
    return values, [signed(value, 0) for value in values]
