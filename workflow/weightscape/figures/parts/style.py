"""The one style of all figures: sizes, fonts, and what colours, markers and words mean.

Widths are those of a paper's column (3.4 in) and page (7 in). A family has one colour and one marker wherever
it appears, told apart under colour blindness and in grey print (after Okabe & Ito 2008, contrast to white at
least 2.9): blues are diversity of real images, greens synthetic images, oranges classic regularisers, greys
and purples controls. Spread is the standard deviation over seeds; an interval is Student's t interval of the
mean at 1 - `analyse.alpha` of the config.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure, SubFigure

from weightscape import words
from weightscape.families import BASELINE, FAMILIES
from weightscape.formats.tables import Column, Table
from weightscape.formats.writing import replacing
from weightscape.metrics.summaries import SETUP

Tables = Mapping[str, Table]

COLUMN, PAGE = 3.4, 7.0  # inches
SHOWN_SETUPS = 4  # pairs of data set and backbone in one figure, at most
REFERENCE = "#6b6b6b"  # baseline, laws and other lines of reference

RC: dict[Any, Any] = {
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-5, 5),
    "axes.formatter.useoffset": False,
    "figure.titlesize": 8,
    "figure.constrained_layout.w_pad": 0.04,
    "figure.constrained_layout.h_pad": 0.03,
    "image.composite_image": False,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "savefig.facecolor": "white",
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}


@dataclass(frozen=True)
class Look:
    """How a family looks, and what its doses are called; `log` if doses are spread over powers of ten."""

    title: str
    color: str
    marker: str
    axis: str = "dose"
    log: bool = False


COLORS = {
    "augment": ("#0072b2", "o"),
    "noise": ("#3d9fd6", "v"),
    "synthetic_add": ("#00926b", "s"),
    "synthetic_replace": ("#004d3d", "D"),
    "dropout": ("#c78500", "^"),
    "weight_decay": ("#c24e00", "X"),
    "dropout_decay": ("#782d00", "p"),
    "dropout_inside": ("#8c6638", "d"),
    "label_noise": ("#b65a91", "P"),
    "duplicate": ("#5d4a7a", "<"),
    "real_add": ("#111111", "*"),
    "steps": ("#9079e6", "h"),
    "resolution": ("#5a3cd2", ">"),
}
FURTHER = (("#989844", "8"), ("#28286e", "H"), ("#2852b4", "1"), ("#282844", "2"))
COLORS |= dict(zip([name for name in FAMILIES if name not in COLORS], itertools.cycle(FURTHER), strict=False))
"""Colour and marker of each family; later families take further ones in their order."""
LOGARITHMIC = ("weight_decay",)

LOOKS = {name: Look(family.title, *COLORS[name], family.axis, name in LOGARITHMIC) for name, family in FAMILIES.items()}


def look(family: str) -> Look:
    """The look of a family; a family of published tables gets its name and a neutral look."""
    return LOOKS.get(family) or Look(words.family(family), "#4d4d4d", "o")


def on_dark(color: str, ground: str = "#15181d", least: float = 4.5) -> str:
    """A colour mixed with white until its contrast to a dark ground (WCAG 2) is at least `least`."""
    mixed = rgb(color)
    while contrast(mixed, rgb(ground)) < least:
        mixed = mixed + 0.025 * (1 - mixed)
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Contrast ratio of two sRGB colours by WCAG 2, 1 to 21."""
    light = sorted(float(_linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def _linear(color: np.ndarray) -> np.ndarray:
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def ordered(families: Iterable[str]) -> list[str]:
    """The baseline's pool, families in the order of FAMILIES, others after them by name."""
    order = [BASELINE, *FAMILIES]
    return sorted(set(families), key=lambda name: (order.index(name) if name in order else len(order), name))


def span(counts: Column) -> str:
    """`3`, or `2 to 3` if the counts differ."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def seeds_in_words(counts: Column, noun: str = "seed") -> str:
    """`3 seeds`, or `2 to 3 seeds` if conditions differ; `noun` is what is counted."""
    return f"{span(counts)} {noun}{'s' if counts.max() > 1 else ''}"


def styled(draw: Callable[[Tables], Figure]) -> Callable[[Tables], Figure]:
    """Let a figure's `draw` run in this style, whatever the process has set."""

    @functools.wraps(draw)
    def drawn(tables: Tables) -> Figure:
        with mpl.rc_context(RC):
            return draw(tables)

    return drawn


def each_setup(
    table: Table,
    height: Callable[[Table], float],
    panel: Callable[[SubFigure, Table], None],
    absent: str,
    keys: Sequence[str] = SETUP,
    width: float = PAGE,
) -> Figure:
    """A block of panels per data set and backbone, below each other; an empty table says `absent`."""
    if table.empty:
        return blank(absent)
    parts = [part for _, part in table.groupby(list(keys), sort=True)]
    left_out = len(parts) - SHOWN_SETUPS
    parts = parts[:SHOWN_SETUPS]
    heights = [height(part) for part in parts]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    blocks = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, block in zip(parts, blocks, strict=True):
        if len(parts) > 1:
            block.suptitle(", ".join(str(part[key].iloc[0]) for key in keys), fontweight="bold")
        panel(block, part)
    if left_out > 0:
        words = f"{left_out} further data sets and backbones are not drawn here; the report's explorer has all"
        figure.suptitle(words, fontsize=6, color=REFERENCE)
    return figure


def hidden_change(run_effects: Table, metrics: Iterable[str]) -> Table:
    """The mean effects on the hidden layers of the change from before to after, on these metrics."""
    kept = (run_effects["role"] == "hidden") & (run_effects["source"] == "change")
    return run_effects[kept & run_effects["metric"].isin(list(metrics))]


def of_setup(table: Table, part: Table) -> Table:
    """The rows of a table that are of the one data set and backbone of `part`."""
    return table[(table[list(SETUP)] == part[list(SETUP)].iloc[0]).all(axis=1)]


def blank(reason: str) -> Figure:
    """A figure that says why it is empty."""
    figure = Figure(figsize=(COLUMN, 1.0))
    figure.text(0.5, 0.5, reason, ha="center", va="center", color=REFERENCE, wrap=True)
    return figure


def save(figure: Figure, prefix: Path | str) -> list[Path]:
    """Write {prefix}.pdf and {prefix}.png, byte for byte the same from the same tables."""
    undated = {"pdf": {"CreationDate": None, "Producer": None, "Creator": None}, "png": {"Software": None}}
    paths = []
    with mpl.rc_context(RC):
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine(None)  # one layout for both files
        for kind, metadata in undated.items():
            path = Path(f"{prefix}.{kind}")
            with replacing(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=160, metadata=metadata)
            paths.append(path)
    return paths


def rgb(color: str) -> np.ndarray:
    """Red, green and blue in [0, 1] of a colour `#rrggbb`."""
    return np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
