"""The A/A null: differences of halves of the baseline runs, beside the smallest detectable effect and the families'."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import dagger, marked, note
from weightscape.metrics.spectral_metrics import IN_FIGURES, title
from weightscape.metrics.summaries import strongest
from weightscape.words import signed

TABLES = ("run_effects", "conditions", "baseline_differences")
NOTE = (
    "dots: differences of random halves of the baseline runs, bars: their t intervals; shaded: below the smallest\n"
    "detectable effect (n = {n} runs a condition, two-sided, power 80 %); marks: each family's strongest dose"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One panel per metric: effects in units of the smallest detectable effect."""
    nulls, effects = tables["baseline_differences"], style.hidden_change(tables["run_effects"], IN_FIGURES)
    return style.each_setup(
        marked(effects[effects["dose"] != BASELINE], tables),
        lambda part: 0.17 * (part["family"].nunique() + 1) * 2 + 1.7,
        lambda block, part: _panels(block, part, style.of_setup(nulls, part)),
        "No effect was measured.",
    )


def _panels(block: SubFigure, part: style.Table, nulls: style.Table) -> None:
    axes = block.subplots(2, 2, squeeze=False, sharey=True).ravel()
    top = strongest(part)
    families = style.ordered(part["family"])
    for axis, metric in zip(axes, IN_FIGURES, strict=True):
        null = nulls[nulls["metric"] == metric]
        unit = null["detectable"].max()
        axis.set_title(title(metric))
        if not unit > 0:
            axis.text(0.5, 0.5, "needs two seeds", transform=axis.transAxes, ha="center", color=style.REFERENCE)
            axis.set(xticks=[], yticks=[])
            continue
        null = null[["difference", "low", "high"]].dropna() / unit
        _draw(axis, null, top[top["metric"] == metric].groupby("family")["effect_mean"].mean() / unit, families)
        axis.set_xlabel(f"in smallest detectable effects (one is {unit:.2g})")
    axes[0].set_yticks(
        range(len(families) + 1),
        ["A/A", *(style.look(name).title + dagger(top[top["family"] == name]) for name in families)],
    )
    for axis in axes[::2]:
        axis.set_ylabel("family")
    n = int(nulls["n"].min()) if len(nulls) else 0
    block.supxlabel(note(NOTE.format(n=n), top), fontsize=6, color=style.REFERENCE)


def _draw(axis: Axes, null: style.Table, effects: style.Column, families: list[str]) -> None:
    axis.axvspan(-1, 1, color="0.92", lw=0, zorder=0)
    axis.axvline(0, color=style.REFERENCE, lw=0.5, zorder=0)
    spread = np.linspace(-0.4, 0.4, len(null)) if len(null) > 1 else np.zeros(len(null))
    width = min(0.4, 6 / max(len(null), 1))  # many splits stay apart
    axis.errorbar(
        null["difference"], spread, xerr=null["high"] - null["difference"], fmt="none", ecolor="0.7", elinewidth=width
    )
    axis.plot(null["difference"], spread, ".", ms=2, mew=0, color="black")
    for place, family in enumerate(families, 1):
        if family in effects and np.isfinite(effects[family]):
            look = style.look(family)
            axis.plot([0, effects[family]], [place, place], color=look.color, lw=0.8)
            axis.plot([effects[family]], [place], look.marker, color=look.color, ms=4.5, mec="white", mew=0.3)
    axis.set_xscale("symlog", linthresh=1, linscale=1)
    limit = 1.6 * max(1.0, effects.abs().max(), null[["low", "high"]].abs().max(axis=None))
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
