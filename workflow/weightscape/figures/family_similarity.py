"""Cosine between families of their effects over the hidden layers, for the four metrics.

A profile is the mean effect over seeds of the family's strongest dose, one number per hidden layer. The
diagonal is the mean cosine between the profiles of the family's own seeds: what agreement the seeds allow.
"""

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from weightscape.figures import style

TABLES = ("effects",)
METRICS = ("log_norm", "log_spectral_norm", "alpha", "entropy")
COLORS = "PuOr"  # diverging, told apart under colour blindness
CELL = 0.31  # inches
DARK = 0.65  # |cosine| above which a cell is dark
NOTE = "strongest dose of each family; framed: mean cosine between the family's own seeds (\u2013: one seed)"


@style.styled
def draw(tables: style.Tables) -> Figure:
    """One matrix of families by families per metric."""
    effects = tables["effects"]
    kept = (
        (effects["role"] == "hidden")
        & (effects["source"] == "change")
        & effects["metric"].isin(METRICS)
        & (effects["dose"] != style.BASELINE)
    )
    return style.each_setup(effects[kept], style.SETUP, _height, _metrics, "No effect was measured.")


def _height(part: style.Table) -> float:
    """Inches for two rows of matrices."""
    return 2 * (CELL * part["family"].nunique() + 0.95)


def similarity(effects: style.Table, families: list[str]) -> tuple[np.ndarray, int]:
    """Cosines [families, families] of one metric's effects, and the number of layers they are taken over."""
    wide = style.strongest(effects).pivot_table(
        index=["layer", "part"], columns=["family", "seed"], values="effect", dropna=False
    )
    wide = wide.dropna(axis="columns", how="all").dropna()
    present = set(wide.columns.get_level_values(0))
    means = {family: wide[family].mean(axis=1).to_numpy() for family in families if family in present}
    result = np.full((len(families), len(families)), np.nan)
    for (i, one), (j, other) in itertools.product(enumerate(families), repeat=2):
        if one == other and one in present:
            result[i, i] = _agreement(wide[one].to_numpy())
        elif one in means and other in means:
            result[i, j] = cosine(means[one], means[other])
    return result, len(wide)


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    """<x, y> / (|x| |y|); NaN where one is zero or empty."""
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norm) if norm > 0 else float("nan")


def _agreement(profiles: np.ndarray) -> float:
    """Mean cosine over pairs of columns; NaN for one column."""
    pairs = [cosine(x, y) for x, y in itertools.combinations(profiles.T, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")


def _metrics(block: SubFigure, part: style.Table) -> None:
    families = style.ordered(part["family"])
    axes = block.subplots(2, 2, squeeze=False).ravel()
    image = None
    for axis, metric in zip(axes, METRICS, strict=True):
        rows = part[part["metric"] == metric]
        values, layers = similarity(rows, families)
        image = _matrix(axis, values, families)
        axis.set_title(f"{style.METRICS[metric]}\n{_size(rows, layers)}")
    block.supxlabel(NOTE, fontsize=6, color=style.REFERENCE)
    if image is not None:
        block.colorbar(image, ax=list(axes), shrink=0.5, label="cosine of effects over hidden layers", pad=0.02)


def _size(rows: style.Table, layers: int) -> str:
    if rows.empty:
        return "no data"
    return f"n = {layers} layers, {style.seeds_in_words(rows.groupby('family')['seed'].nunique())}"


def _matrix(axis: Axes, values: np.ndarray, families: list[str]) -> AxesImage:
    image = axis.imshow(values, cmap=COLORS, vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(values):
        known = np.isfinite(value)
        text = style.signed(value, 2) if known else "\u2013"
        color = "white" if known and abs(value) > DARK else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=6, color=color)
        if i == j:
            axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, lw=1.0, ec="black"))
    titles = [style.look(family).title for family in families]
    axis.set_xticks(range(len(families)), titles, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(families)), titles)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return image
