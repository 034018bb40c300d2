"""Shows the images that the network sees under each dose that changes images, with the Vendi score of the dose."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE
from weightscape.figures.parts import pictures, style
from weightscape.metrics.summaries import in_each_family, summarise

TABLES = ("samples", "diversity")
ROW = 0.36  # inches per strip of images
ACROSS = 16


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One strip of images per dose, the unchanged images first; strips of a family in order of dose."""
    samples = tables["samples"]
    samples = samples[~samples["kind"].isin(["synthetic", "chosen"])]
    if not (samples["kind"] != "real").any():
        return style.blank("No dose of this study changes images.")
    scores = vendi(tables["diversity"])
    return style.each_setup(
        samples,
        lambda part: ROW * len(strips(part, scores)) + 0.25,
        lambda block, part: _draw_strips(block, part, scores),
        "No image was kept.",
        ["dataset"],
    )


def vendi(diversity: style.Table) -> style.Table:
    """Mean pixel Vendi score of order 1 and number of each condition, the baseline in every family."""
    kept = diversity[(diversity["measure"] == "vendi_1") & (diversity["space"] == "pixels")]
    return summarise(in_each_family(kept), ["dataset", "family", "dose", "number"])


def strips(part: style.Table, scores: style.Table) -> style.Table:
    """The conditions of a data set's samples in order, each with title, color, mean Vendi score and sd."""
    conditions = part.loc[part["kind"] != "real", ["dataset", "family", "dose"]].drop_duplicates()
    conditions = conditions.merge(scores, how="left", on=["dataset", "family", "dose"])
    order = {family: rank for rank, family in enumerate(style.ordered(conditions["family"]))}
    return (
        conditions[conditions["dose"] != BASELINE]
        .assign(rank=lambda table: table["family"].map(order))
        .sort_values(["rank", "number", "dose"])
    )


def _draw_strips(block: SubFigure, part: style.Table, scores: style.Table) -> None:
    conditions = strips(part, scores)
    axes = block.subplots(len(conditions) + 1, 1, squeeze=False)[:, 0]
    _strip(axes[0], part[part["kind"] == "real"], "unchanged", "black", baseline_score(conditions, scores))
    for axis, row in zip(axes[1:], conditions.itertuples(), strict=True):
        look = style.look(str(row.family))
        rows = part[(part["family"] == row.family) & (part["dose"] == row.dose) & (part["kind"] != "real")]
        _strip(axis, rows, f"{look.title}, {row.dose}", look.color, float(row.mean))  # type: ignore[arg-type]


def baseline_score(conditions: style.Table, scores: style.Table) -> float:
    """Mean Vendi score of the baselines of the families shown."""
    kept = scores["family"].isin(conditions["family"]) & (scores["dose"] == BASELINE)
    return float(scores.loc[kept, "mean"].mean())


def _strip(axis: Axes, rows: style.Table, title: str, color: str, score: float) -> None:
    first = rows.sort_values(["position", "label"]).head(ACROSS)
    if first.empty:
        axis.text(0.5, 0.5, "no images kept", transform=axis.transAxes, ha="center", va="center")
        axis.set_axis_off()
    else:
        sheet = pictures.montage(first.assign(row=0, column=np.arange(len(first))), "row", "column")
        pictures.show(axis, sheet)
    axis.set_ylabel(title, color=color, rotation=0, ha="right", va="center")
    words = f"pixel Vendi {score:.1f}" if np.isfinite(score) else "Vendi not measured"
    axis.text(1.01, 0.5, words, transform=axis.transAxes, ha="left", va="center")
