"""The figures of published tables: those of our analysis, and the drawing of all."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightscape.families import BASELINE
from weightscape.figures.parts import style
from weightscape.formats.tables import Table
from weightscape.metrics.spectral_metrics import title
from weightscape.published.analysis import Results
from weightscape.published.conditions import Conditions
from weightscape.published.paper_figures import FIGURES as PAPER_FIGURES
from weightscape.published.procedure import HEAD
from weightscape.published.settings import METRICS
from weightscape.published.style import Looks, legend, looks_of, mark, markers, zero

ROW = 0.155  # inches per condition or pair


def condition_effects(tables: style.Tables, looks: Looks) -> Figure:
    """Mean effect of each condition over the hidden layers, one mark per data set and run."""
    runs = tables["run_effects"]
    runs = runs[(runs["dose"] != BASELINE) & (runs["role"] != HEAD)]
    if runs.empty:
        return style.blank("No effect on a hidden layer was measured.")
    order = [name for name in looks if name in set(runs["family"])]
    rows = [(family, dose) for family in order for dose in dict.fromkeys(_by_dose(runs[runs["family"] == family]))]
    place = {row: at for at, row in enumerate(rows)}
    marks = markers(runs["dataset"])
    figure = Figure(figsize=(style.PAGE, ROW * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots(1, len(METRICS), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, METRICS, strict=True):
        own = runs[runs["metric"] == metric]
        for (dataset, family), part in own.groupby(["dataset", "family"]):
            at = [place[family, dose] for dose in part["dose"]]
            axis.plot(part["effect_mean"], at, marks[dataset], color=looks[family].color, ms=3.5, mfc="none")
        _signed_log(axis, own["effect_mean"])
        axis.set_xlabel(f"effect on {title(metric)}")
        zero(axis, vertical=True)
    axes[0].set_yticks(range(len(rows)), [dose for _, dose in rows])
    for label, (family, _) in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(looks[family].color)
    axes[0].invert_yaxis()
    entries = {name: mark(marker, filled=False) for name, marker in marks.items()}
    legend(figure, entries, "mean over hidden layers of single runs; axes are linear near zero and logarithmic beyond")
    return figure


def _by_dose(part: Table) -> list[str]:
    """Conditions of a group by their dose; those without a dose keep their order, first."""
    return list(part.sort_values("number", kind="stable", na_position="first")["dose"])


def _signed_log(axis: Axes, values: Table) -> None:
    """A scale that is linear up to the quarter of the values nearest to zero, where they span powers of ten."""
    size = values.abs()[np.isfinite(values) & (values != 0)]
    if len(size) and size.max() > 30 * size.quantile(0.25):
        threshold = 10 ** np.ceil(np.log10(size.quantile(0.25)))
        axis.set_xscale("symlog", linthresh=threshold)
        top = 10 ** np.floor(np.log10(size.max()))
        axis.set_xticks([sign * tick for tick in {threshold, top} for sign in (-1, 1)] + [0])


def group_similarity(tables: style.Tables, looks: Looks) -> Figure:
    """Cosine of the mean effects of each pair of groups over hidden layers, one mark per data set."""
    pairs = tables["similarity"]
    pairs = pairs[(pairs["statistic"] == "cosine") & pairs["value"].notna()]
    if pairs.empty:
        return style.blank("No pair of groups was measured.")
    rows = list(dict.fromkeys(zip(pairs["family"], pairs["other"], strict=True)))
    place = {row: at for at, row in enumerate(rows)}
    marks = markers(pairs["dataset"])
    figure = Figure(figsize=(style.PAGE, ROW * len(rows) + 1.4), layout="constrained")
    axes = figure.subplots(1, len(METRICS), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, METRICS, strict=True):
        own = pairs[pairs["metric"] == metric]
        for (dataset, one, nearer), part in own.groupby(["dataset", "family", own["distance"] < own["norm"]]):
            at = [place[one, other] for other in part["other"]]
            face = looks[one].color if nearer else "white"
            axis.plot(part["value"], at, marks[dataset], color=looks[one].color, ms=4, mfc=face)
        axis.set_xlim(-1.08, 1.08)
        axis.set_xticks([-1, 0, 1])
        axis.set_xlabel("cosine of effects")
        axis.set_title(f"{title(metric)}\n" + (f"n = {style.span(own['n'])} layers" if len(own) else "no data"))
        zero(axis, vertical=True)
    axes[0].set_yticks(range(len(rows)), [f"{looks[one].title} \u2013 {looks[other].title}" for one, other in rows])
    axes[0].invert_yaxis()
    entries = {name: mark(marker) for name, marker in marks.items()}
    note = "filled: the first group is nearer to the second than to no effect; hollow: it is not"
    legend(figure, entries, note)
    return figure


FIGURES = {**PAPER_FIGURES, "condition_effects": condition_effects, "group_similarity": group_similarity}


def draw(results: Results, conditions: Conditions, folder: Path) -> list[Path]:
    """Draw every figure as PDF and PNG into a folder; the paths of the files."""
    paths: list[Path] = []
    with mpl.rc_context(style.RC):
        for name, drawing in FIGURES.items():
            paths += style.save(drawing(vars(results), looks_of(conditions)), folder / name)
    return paths
