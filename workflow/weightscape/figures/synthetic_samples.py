"""Synthetic images beside real ones: one grid per recipe, one row per class."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure, SubFigure

from weightscape.families import BASELINE, SYNTHETIC_FAMILIES
from weightscape.figures.parts import pictures, style
from weightscape.figures.seen_samples import vendi

TABLES = ("samples", "quality", "diversity")
ACROSS = 6  # images of each class
AROUND = 0.7  # inches of titles and words
LETTERS = 130  # of a line of words
GRIDS = 4  # at least; fewer leave the page partly empty rather than grow


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Grids from left to right: real, then each recipe, with the judge's accuracy above."""
    samples = tables["samples"]
    samples = samples[samples["kind"].isin(["real", "synthetic"])].sort_values("position")
    grids = samples.groupby(["dataset", "kind", "recipe", "label"])
    samples = samples[grids.cumcount() < ACROSS]
    if not (samples["kind"] == "synthetic").any():
        return style.blank("No synthetic image was made.")
    return style.each_setup(
        samples,
        _height,
        lambda block, part: _grids(block, part, tables["quality"], vendi(tables["diversity"])),
        "No image was kept.",
        ["dataset"],
    )


def _height(part: style.Table) -> float:
    """Inches at which the grids fill the width of the page."""
    grids = max(GRIDS, part["recipe"].nunique())
    return style.PAGE / grids / ACROSS * part["label"].nunique() + AROUND


def _grids(block: SubFigure, part: style.Table, quality: style.Table, scores: style.Table) -> None:
    quality = quality[quality["dataset"] == part["dataset"].iloc[0]]
    grids = [(_real_title(quality), part[part["kind"] == "real"])]
    synthetic = part[part["kind"] == "synthetic"]
    named = zip(quality["recipe"], quality["guidance"], quality["judge_accuracy"], strict=True)
    grids += [(_title(*row), synthetic[synthetic["recipe"] == row[0]]) for row in named]
    grids = [(title, rows) for title, rows in grids if len(rows)]
    axes = block.subplots(1, max(GRIDS, len(grids)), squeeze=False)[0]
    for axis in axes[len(grids) :]:
        axis.set_axis_off()
    for axis, (title, rows) in zip(axes, grids, strict=False):
        pictures.show(axis, pictures.montage(rows, "label", "position"))
        axis.set_title(title)
    block.supxlabel(_scores(scores[scores["dataset"] == part["dataset"].iloc[0]]), fontsize=6, color=style.REFERENCE)


def _scores(scores: style.Table) -> str:
    """Pixel Vendi scores of the training sets with synthetic images, in words."""
    own = scores[scores["family"].isin(SYNTHETIC_FAMILIES)].sort_values("number")
    parts = [f"without synthetic images {own.loc[own['dose'] == BASELINE, 'mean'].mean():.1f}"]
    for family, rows in own[own["dose"] != BASELINE].groupby("family"):
        doses = ", ".join(f"{dose} {mean:.1f}" for dose, mean in zip(rows["dose"], rows["mean"], strict=True))
        parts.append(f"{style.look(str(family)).title}: {doses}")
    words = f"pixel Vendi score of the training set (mean over seeds): {'; '.join(parts)}"
    return "\n".join(textwrap.wrap(words if len(parts) > 1 else "pixel Vendi scores were not measured", LETTERS))


def _real_title(quality: style.Table) -> str:
    known = quality["judge_test_accuracy"].dropna()
    return "real" + (f"\njudge {100 * known.iloc[0]:.1f} %" if len(known) else "\n")


def _title(recipe: str, guidance: float, share: float) -> str:
    return f"{recipe}, guidance {guidance:g}\n" + ("" if pd.isna(share) else f"judge {100 * share:.1f} %")
