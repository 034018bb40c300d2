"""Accuracy and spectra against the budget of further images, a line for each way of choosing, and the first chosen."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from weightscape.families import BASELINE
from weightscape.figures.parts import marks, pictures, style
from weightscape.figures.parts.axes import apart, say
from weightscape.metrics.summaries import SETUP

TABLES = ("outcome_intervals", "condition_effects", "conditions", "samples")
SPECTRAL = "log_stable_rank"
PANELS = {
    "test": "test accuracy (%)",
    "ood": "mean OOD accuracy (%)",
    SPECTRAL: "effect on log10 stable rank,\nhidden layers",
}
NOTE = (
    "mean over n = {n} runs of a condition, band: its interval; grey: the baseline; "
    "strips: the first chosen, in their order, of one seed"
)
ACROSS = 20  # images of a strip
CURVES, STRIP = 2.6, 0.34  # inches


class Way(NamedTuple):
    """How a way of choosing looks."""

    title: str
    color: str
    marker: str


WAYS: Mapping[str, Way] = {
    "log_det": Way("log-determinant", "#0072b2", "o"),
    "vendi": Way("Vendi score", "#5d4a7a", "D"),
    "k_centre": Way("k-centre", "#00926b", "v"),
    "facility_location": Way("facility location", "#b65a91", "P"),
    "random": Way("random", "#c78500", "s"),
    "least_diverse": Way("least diverse", "#c24e00", "X"),
    "": Way("real images", "#111111", "*"),
}
"""Ways of choosing in their order; the last are real images in the place of the chosen ones."""


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Above three panels against the budget; below a strip of the first images for each way, at the largest budget."""
    conditions = tables["conditions"]
    if "choice" not in conditions or not (conditions["choice"].fillna("") != "").any():
        return style.blank("No condition of this study chooses images by their diversity.")
    conditions = conditions.assign(choice=conditions["choice"].fillna(""))
    kept = conditions[(conditions["choice"] != "") | (conditions["family"] == "real_add")]
    values = _values(tables).merge(kept[[*SETUP, "family", "dose", "choice", "destructive"]])
    return style.each_setup(
        values,
        lambda part: CURVES + STRIP * len(_shown(part, tables["samples"])),
        lambda block, part: _block(block, part, tables),
        "No outcome of the chosen images was measured.",
    )


def _values(tables: style.Tables) -> style.Table:
    """One row per condition and panel: mean, low, high, n."""
    columns = [*SETUP, "family", "dose", "number", "panel", "mean", "low", "high", "n"]
    outcomes = tables["outcome_intervals"].rename(columns={"outcome": "panel"})
    effects = tables["condition_effects"]
    effects = effects[(effects["metric"] == SPECTRAL) & (effects["scope"] == "hidden")]
    effects = effects.rename(columns={"metric": "panel", "estimate": "mean"})
    found = pd.concat([outcomes[columns], effects[columns]], ignore_index=True)
    return found[found["panel"].isin(list(PANELS))]


def _block(block: SubFigure, part: style.Table, tables: style.Tables) -> None:
    strips = _shown(part, tables["samples"])
    heights = [CURVES, STRIP * len(strips)] if strips else [CURVES]
    upper, *lower = block.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    axes = upper.subplots(1, len(PANELS))
    baseline = style.of_setup(tables["outcome_intervals"], part)
    baseline = baseline[baseline["family"] == BASELINE].set_index("outcome")
    for axis, (panel, label) in zip(axes, PANELS.items(), strict=True):
        rows = part[part["panel"] == panel]
        low, mean, high = (0.0,) * 3 if panel == SPECTRAL else (np.nan,) * 3
        if panel in baseline.index:
            low, mean, high = baseline.loc[panel, ["low", "mean", "high"]]
        axis.axhspan(low, high, color="0.9", lw=0, zorder=0)
        axis.axhline(mean, color=style.REFERENCE, lw=0.5, zorder=0)
        if rows["mean"].notna().any():
            _curves(axis, rows)
        else:
            say(axis, "not measured")
        axis.set_xlabel("further images, as a share\nof the real set")
        axis.set_ylabel(label)
        axis.yaxis.set_major_locator(MaxNLocator(4))
    ways = [way for name, way in WAYS.items() if (part["choice"] == name).any()]
    handles = [Line2D([], [], marker=way.marker, color=way.color, label=way.title, ms=4) for way in ways]
    counts = part.loc[part["panel"] == "test", "n"]
    marks.legend(upper, handles, marks.note(NOTE.format(n=style.span(counts)), part), across=len(ways))
    if lower:
        _strips(lower[0], strips)


def _curves(axis: Axes, rows: style.Table) -> None:
    """A line for each way; budgets at which it has several conditions are marks that are not joined."""
    for name, way in WAYS.items():
        for _, own in rows[rows["choice"] == name].sort_values("number").groupby("family"):
            alone = own[~own["number"].duplicated(keep=False)]
            axis.plot(alone["number"], alone["mean"], color=way.color)
            axis.fill_between(alone["number"], alone["low"], alone["high"], color=way.color, alpha=0.12, lw=0)
            axis.plot(own["number"], own["mean"], way.marker, color=way.color, mec="white", mew=0.3, ms=5)
            marks.beside(axis, own, "number", "mean")
    budgets = np.unique(rows["number"])
    axis.set_xticks(budgets[apart(budgets)])


def _shown(part: style.Table, samples: style.Table) -> dict[str, style.Table]:
    """The images by way of choosing, of its condition with the largest budget whose images were kept."""
    own = samples[(samples["dataset"] == part["dataset"].iloc[0]) & (samples["kind"] == "chosen")]
    chosen = part[part["choice"] != ""].drop_duplicates(["family", "dose"]).sort_values("number")
    images = own.merge(chosen[["family", "dose", "choice", "number"]], on=["family", "dose"])
    found = {}
    for name in WAYS:
        rows = images[images["choice"] == name]
        if len(rows):
            largest = rows[rows["number"] == rows["number"].max()]
            found[name] = largest[largest["dose"] == largest["dose"].iloc[0]].sort_values("position").head(ACROSS)
    return found


def _strips(block: SubFigure, strips: Mapping[str, style.Table]) -> None:
    axes = block.subplots(len(strips), 1, squeeze=False)[:, 0]
    for axis, (name, rows) in zip(axes, strips.items(), strict=True):
        sheet = pictures.montage(rows.assign(row=0, column=np.arange(len(rows))), "row", "column")
        pictures.show(axis, sheet)
        axis.set_ylabel(WAYS[name].title, color=WAYS[name].color, rotation=0, ha="right", va="center")
