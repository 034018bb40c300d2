"""The paper's own figures, by the published procedure: family means, layer curves, tests and correlations."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weightscape.figures.parts import style
from weightscape.formats.tables import Table
from weightscape.metrics.spectral_metrics import title
from weightscape.published.procedure import ALL, HEAD
from weightscape.published.settings import METRICS
from weightscape.published.style import Looks, legend, mark, markers, zero
from weightscape.words import signed

SCOPES = {"all_layers": "all layers", "without_head": "without the head"}
COLORS = "PuOr"  # diverging, told apart under colour blindness
DARK = 0.65  # |r| above which a cell is dark


def family_means(tables: style.Tables, looks: Looks) -> Figure:
    """Mean effect of each family: over all layers, over all but the head, and of the head alone."""
    means = tables["published"][tables["published"]["statistic"] == "mean"]
    if means.empty:
        return style.blank("No effect was measured.")
    families = [name for name in looks if name in set(means["family"])]
    marks = markers(means.loc[means["dataset"] != ALL, "dataset"])
    scopes = {**SCOPES, HEAD: "head alone"}
    figure = Figure(figsize=(style.PAGE, 1.3 * len(METRICS) + 0.7), layout="constrained")
    axes = figure.subplots(len(METRICS), len(scopes), sharex=True, squeeze=False)
    for row, metric in zip(axes, METRICS, strict=True):
        for axis, scope in zip(row, scopes, strict=True):
            _bars(axis, means[(means["metric"] == metric) & (means["scope"] == scope)], families, looks, marks)
        row[0].set_ylabel(f"effect on\n{title(metric)}")
    for axis, (scope, words) in zip(axes[0], scopes.items(), strict=True):
        layers = means.loc[(means["dataset"] == ALL) & (means["scope"] == scope), "n"].max()
        axis.set_title(words if scope == HEAD or not layers > 0 else f"{words} (n = {layers:.0f})")
    entries = {name: mark(marker, "black", filled=False) for name, marker in marks.items()}
    legend(figure, entries, "bars: mean over layers and data sets; marks: single data sets; scales differ")
    return figure


def _bars(axis: Axes, part: Table, families: list[str], looks: Looks, marks: dict[str, str]) -> None:
    place = {family: at for at, family in enumerate(families)}
    part = part[np.isfinite(part["value"])]
    together = part[part["dataset"] == ALL]
    colors = [looks[family].color for family in together["family"]]
    axis.bar(together["family"].map(place).astype(float), together["value"], width=0.6, color=colors)
    for shift, (dataset, marker) in zip(np.linspace(-0.2, 0.2, max(len(marks), 2)), marks.items(), strict=False):
        own = part[part["dataset"] == dataset]
        axis.plot(
            own["family"].map(place).astype(float) + shift,
            own["value"],
            marker,
            color="white",
            mec="black",
            mew=0.7,
            ms=3.5,
        )
    axis.set_xticks(range(len(families)), [looks[family].title for family in families])
    zero(axis)


def layer_curves(tables: style.Tables, looks: Looks) -> Figure:
    """Effect of each family in each layer, mean over the data sets; the head on an axis of its own."""
    means = tables["published_layers"]
    means = means[means["dataset"] == ALL]
    if means.empty:
        return style.blank("No effect was measured.")
    families = [name for name in looks if name in set(means["family"])]
    hidden = means[means["role"] != HEAD].drop_duplicates("layer").sort_values("layer_id")
    place = {layer: at for at, layer in enumerate(hidden["layer"], start=1)} | {HEAD: 0}
    figure = Figure(figsize=(style.PAGE, 1.3 * len(METRICS) + 0.8), layout="constrained")
    axes = figure.subplots(len(METRICS), 2, sharex="col", squeeze=False, width_ratios=[12, 1])
    for (left, right), metric in zip(axes, METRICS, strict=True):
        for family in families:
            own = means[(means["metric"] == metric) & (means["family"] == family)].sort_values("layer_id")
            for axis, part in ((left, own[own["role"] != HEAD]), (right, own[own["role"] == HEAD])):
                look = looks[family]
                axis.plot(part["layer"].map(place), part["effect"], marker=look.marker, color=look.color, ms=3, lw=0.8)
        left.set_ylabel(f"effect on\n{title(metric)}")
        left.margins(x=0.01)
        right.yaxis.tick_right()
        right.spines["left"].set_visible(False)
        right.spines["right"].set_visible(True)
        zero(left)
        zero(right)
    axes[-1, 0].set_xlabel("hidden layer, in the order of layer_id")
    axes[-1, 1].set_xticks([0], ["head"])
    entries = {looks[name].title: mark(looks[name].marker, looks[name].color, "-") for name in families}
    legend(figure, entries, "mean over conditions and data sets; the head has a scale of its own")
    return figure


def family_tests(tables: style.Tables, looks: Looks) -> Figure:
    """Pearson's r and the t-test's p of each pair of families, ANOVA's p above, with and without the head."""
    table = tables["published"][tables["published"]["dataset"] == ALL]
    families = [name for name in looks if name in set(table["family"].dropna())]
    if len(families) < 2:
        return style.blank("No pair of families was measured.")
    side = 0.42 * len(families) + 0.45
    figure = Figure(figsize=(style.PAGE, len(SCOPES) * side + 0.7), layout="constrained")
    axes = figure.subplots(len(SCOPES), len(METRICS), sharex=True, sharey=True, squeeze=False)
    for at, (row, (scope, words)) in enumerate(zip(axes, SCOPES.items(), strict=True)):
        for axis, metric in zip(row, METRICS, strict=True):
            part = table[(table["scope"] == scope) & (table["metric"] == metric)]
            _matrix(axis, part, families, looks)
            p, layers = _value(part, "anova_p"), part.loc[part["statistic"] == "n_layers", "n"].max()
            name = f"{title(metric)}\n" if at == 0 else ""
            axis.set_title(f"{name}ANOVA p = {short(p)}, n = {layers:.0f}")
        row[0].set_ylabel(words)
    note = "colour and first number: Pearson's r over layers; p: t-test of equal means, layers as samples"
    figure.supxlabel(note, fontsize=6.5)
    return figure


def _matrix(axis: Axes, part: Table, families: list[str], looks: Looks) -> None:
    r = np.full((len(families), len(families)), np.nan)
    for i, one in enumerate(families):
        for j, other in enumerate(families):
            pair = part[((part["family"] == one) & (part["other"] == other))]
            if pair.empty:
                continue
            r[i, j] = r[j, i] = _value(pair, "pearson")
            for x, y in ((j, i), (i, j)):
                color = "white" if abs(r[i, j]) > DARK else "black"
                text = f"{signed(r[i, j], 2)}\np {short(_value(pair, 'p'))}"
                axis.text(x, y, text, ha="center", va="center", fontsize=5.5, color=color)
    axis.imshow(r, cmap=COLORS, vmin=-1, vmax=1)
    titles = [looks[family].title for family in families]
    axis.set_xticks(range(len(families)), titles)
    axis.set_yticks(range(len(families)), titles)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _value(part: Table, statistic: str) -> float:
    values = part.loc[part["statistic"] == statistic, "value"]
    return float(values.iloc[0]) if len(values) else float("nan")


def short(value: float) -> str:
    """Two digits, small numbers as powers of ten, with a true minus sign; a dash for no number."""
    if not np.isfinite(value):
        return "\u2013"
    text = f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.0e}".replace("e-0", "e-")
    return text.replace("-", "\u2212")


FIGURES = {"family_means": family_means, "layer_curves": layer_curves, "family_tests": family_tests}
