"""The published study's own figures from this study's runs: family means over layers, and layer curves.

As there: the effect is the change of a layer minus that of the baseline; all doses of a family are pooled; layers
stand in for replicates. Here with the pool of baseline runs, and with the head shown apart.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import legend
from weightscape.metrics.layer_order import in_depth
from weightscape.metrics.spectral_metrics import PUBLISHED, title

TABLES = ("effects",)
GROUPS = {"augment": "diversity", "dropout": "dropout", "weight_decay": "weight decay"}
SCOPES = ("all layers", "hidden", "head")
NOTE = (
    "bars: mean over layers, doses and seeds, without error bars as published; hatched: head included or alone.\n"
    "curves: hidden layers, mean over doses and seeds. Layers are no replicates: see the effects by dose for intervals"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: metrics; left: bars over all layers, hidden layers and the head; right: curves over the hidden layers."""
    effects = tables["effects"]
    kept = (
        (effects["source"] == "change")
        & effects["metric"].isin(PUBLISHED)
        & effects["family"].isin(GROUPS)
        & (effects["dose"] != BASELINE)
    )
    return style.each_setup(
        effects[kept],
        lambda _: 1.3 * len(PUBLISHED) + 0.7,
        _panels,
        "No family of the published study was run: augment, dropout or weight decay.",
    )


def bars(rows: style.Table) -> dict[str, float]:
    """Mean effect over all layers, the hidden ones and the head; NaN without such rows."""
    by = {"all layers": rows, "hidden": rows[rows["role"] == "hidden"], "head": rows[rows["role"] == "head"]}
    return {scope: float(part["effect"].mean()) if len(part) else float("nan") for scope, part in by.items()}


def _panels(block: SubFigure, part: style.Table) -> None:
    axes = block.subplots(len(PUBLISHED), 2, squeeze=False, width_ratios=[1, 1.6])
    families = [name for name in GROUPS if (part["family"] == name).any()]
    for (left, right), metric in zip(axes, PUBLISHED, strict=True):
        rows = part[part["metric"] == metric]
        for place, family in enumerate(families):
            own = rows[rows["family"] == family]
            _bars(left, bars(own), (place - (len(families) - 1) / 2) * 0.26, style.look(family).color)
            hidden = own[own["role"] == "hidden"]
            means = hidden.groupby(hidden["layer"] + "/" + hidden["part"].astype(str))["effect"].mean()
            means = means[in_depth(means.index)].to_numpy(float)
            right.plot(np.arange(1, len(means) + 1), means, color=style.look(family).color, lw=0.9)
        for axis in (left, right):
            axis.axhline(0, color=style.REFERENCE, lw=0.5)
            axis.yaxis.set_major_locator(MaxNLocator(3))
        left.set_xticks(range(len(SCOPES)), SCOPES)
        left.set_ylabel(f"effect on\n{title(metric)}")
    axes[-1, 1].set_xlabel("hidden layer, input to output")
    axes[-1, 0].set_xlabel("layers in the mean")
    handles = [Line2D([], [], color=style.look(name).color, lw=3, label=GROUPS[name]) for name in families]
    legend(block, handles, NOTE)


def _bars(axis: Axes, heights: dict[str, float], shift: float, color: str) -> None:
    for place, (scope, height) in enumerate(heights.items()):
        hatch = None if scope == "hidden" else "////"
        axis.bar(place + shift, height, 0.24, color=color, edgecolor="white", hatch=hatch, lw=0.3)
