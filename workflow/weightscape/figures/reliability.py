"""Reliability: accuracy in bins of confidence, baseline against each family's strongest dose."""

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.figures.parts.marks import dagger, legend, marked, note
from weightscape.metrics.summaries import in_each_family, strongest

TABLES = ("reliability", "conditions")
ROW = 1.25  # inches per set of images
FEW = 5  # images over all seeds; bins with fewer are left out
NOTE = (
    "images of all seeds together, bins of fewer than {few} left out; area of a mark: share of images; "
    "grey diagonal: perfect calibration"
)


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: the test set and all OOD sets together; columns: families."""
    table = tables["reliability"]
    kept = (table["split"] == "test") | table["split"].astype(str).str.startswith("ood-")
    table = table[kept].assign(group=lambda rows: np.where(rows["split"] == "test", "test", "ood"))
    return style.each_setup(
        marked(in_each_family(table), tables),
        lambda part: ROW * part["group"].nunique() + 0.75,
        _panels,
        "No reliability was measured.",
    )


def curve(rows: style.Table) -> style.Table:
    """Images, mean confidence and accuracy of each bin over all rows, weighted by images, in percent."""
    full = rows[rows["images"] > 0]
    sums = full.assign(
        confidence=100 * full["confidence"] * full["images"], accuracy=100 * full["accuracy"] * full["images"]
    )
    sums = sums.groupby("bin")[["images", "confidence", "accuracy"]].sum()
    sums = sums[sums["images"] >= FEW]
    return sums.assign(confidence=sums["confidence"] / sums["images"], accuracy=sums["accuracy"] / sums["images"])


def _panels(block: SubFigure, part: style.Table) -> None:
    families = style.ordered(part["family"])
    groups = [name for name in ("test", "ood") if (part["group"] == name).any()]
    axes = block.subplots(len(groups), len(families), squeeze=False, sharex=True, sharey=True)
    top = strongest(part)
    for row, group in zip(axes, groups, strict=True):
        for axis, family in zip(row, families, strict=True):
            axis.plot([0, 100], [0, 100], color="0.8", lw=0.8, zorder=0)
            look = style.look(family)
            own = part[(part["family"] == family) & (part["dose"] == BASELINE)]
            for rows, color, dash in ((own, style.REFERENCE, "--"), (top[top["family"] == family], look.color, "-")):
                found = curve(rows[rows["group"] == group])
                axis.plot(found["confidence"], found["accuracy"], dash, color=color, lw=0.8)
                share = found["images"] / max(found["images"].sum(), 1)
                axis.scatter(found["confidence"], found["accuracy"], 4 + 60 * share, color=color, lw=0, clip_on=False)
            axis.set(xlim=(0, 100), ylim=(0, 105), xticks=[0, 50, 100], yticks=[0, 50, 100])
        row[0].set_ylabel(("test set" if group == "test" else "all OOD sets") + "\naccuracy (%)")
    for axis, family in zip(axes[0], families, strict=True):
        rows = top[top["family"] == family]
        axis.set_title(
            style.look(family).title.replace(" ", "\n", 1)
            + (f",\n{rows['dose'].iloc[0]}{dagger(rows)}" if len(rows) else ""),
            color=style.look(family).color,
        )
    axes[-1, len(families) // 2].set_xlabel("confidence (%)")
    handles = [
        Line2D([], [], ls="--", color=style.REFERENCE, label="the baseline"),
        Line2D([], [], color="black", label="strongest dose, in the family's colour"),
    ]
    legend(block, handles, note(NOTE.format(few=FEW), top))
