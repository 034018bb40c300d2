"""The table of claims as a picture: a verdict for each claim, over all backbones and for each."""

import textwrap

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from weightscape.figures.parts import style

TABLES = ("claims",)
ALL = "all"
LOOKS = {
    "supported": ("\u2713", "#00926b", "white"),
    "contradicted": ("\u2717", "#a03c00", "white"),
    "undecided": ("?", "#e3e3e3", "black"),
}
"""Sign, ground and ink of each verdict: told apart without colour."""
LETTERS = 20  # of a statement, per inch
LINE = 0.13  # inches
CELL = 0.65  # inches
UPRIGHT = 6  # columns whose headings have room side by side; those of more stand on end
NARROW, HIGH = 0.3, 1.15  # inches of a column and of the headings then
MOST = 16  # columns
LEFT, HEAD, FOOT = 0.35, 0.55, 0.4  # inches


@style.styled
def draw(tables: style.Tables) -> Figure:
    """Rows: claims; columns: all backbones together, then each with its data set."""
    claims = tables["claims"]
    if claims.empty:
        return style.blank(f"No claim was tested: {claims.attrs.get('absent', 'the table of claims is empty')}.")
    columns = columns_of(claims)
    names = list(dict.fromkeys(claims["claim"]))
    cell, head = (CELL, HEAD) if len(columns) <= UPRIGHT else (NARROW, HIGH)
    first = style.PAGE - cell * len(columns) - 0.1
    wrap = int(LETTERS * (first - LEFT - 0.3))
    lines = {name: textwrap.wrap(_statement(claims, name), wrap) for name in names}
    heights = [LINE * max(2, len(lines[name])) + 0.08 for name in names]
    height = head + sum(heights) + FOOT
    figure = Figure(figsize=(style.PAGE, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, style.PAGE), ylim=(height, 0), xticks=[], yticks=[])
    axes.set_axis_off()
    for place, column in enumerate(columns):
        words, angle = (_heading(column), 0) if cell == CELL else (_on_end(column), 90)
        at = first + cell * (place + 0.5), head - 0.08
        axes.text(*at, words, ha="center", va="bottom", fontsize=5.5, rotation=angle)
    top = head
    for name, row in zip(names, heights, strict=True):
        axes.text(0.1, top + row / 2, name, va="center", fontweight="bold")
        axes.text(0.1 + LEFT, top + row / 2, "\n".join(lines[name]), va="center", fontsize=6.5)
        for place, column in enumerate(columns):
            _cell(axes, claims, name, column, (first + cell * place, top, cell, row))
        top += row
    _key(axes, top + 0.2)
    return figure


def columns_of(claims: style.Table) -> list[tuple[str, str]]:
    """Pairs of backbone and data set, those over all backbones first; at most MOST."""
    pairs = list(dict.fromkeys(claims[["backbone", "dataset"]].itertuples(index=False, name=None)))
    return sorted(pairs, key=lambda pair: pair[0] != ALL)[:MOST]


def _statement(claims: style.Table, name: str) -> str:
    words = str(claims.loc[claims["claim"] == name, "statement"].iloc[0]).rstrip(".")
    return words[:1].upper() + words[1:]


def _parts(column: tuple[str, str]) -> list[str]:
    """The words for a column: its data set, unless it is over all, and its network."""
    backbone, dataset = (str(part).replace("-", " ") for part in column)
    if backbone == dataset == ALL:
        return ["all together"]
    return ([] if dataset == ALL else [dataset]) + ["all backbones" if backbone == ALL else backbone]


def _heading(column: tuple[str, str]) -> str:
    *dataset, network = _parts(column)
    lines = [line for part in dataset for line in textwrap.wrap(part, 9)]
    lines += textwrap.wrap(network, 11, break_long_words=False)
    return "\n".join(lines[:4])


def _on_end(column: tuple[str, str]) -> str:
    return ",\n".join(_parts(column))


def _cell(axes, claims: style.Table, name: str, column: tuple[str, str], box: tuple[float, ...]) -> None:
    left, top, width, height = box
    rows = claims[(claims["claim"] == name) & (claims["backbone"] == column[0]) & (claims["dataset"] == column[1])]
    if rows.empty:
        axes.text(left + width / 2, top + height / 2, "\u2013", ha="center", va="center", color=style.REFERENCE)
        return
    sign, ground, ink = LOOKS.get(str(rows["verdict"].iloc[0]), LOOKS["undecided"])
    axes.add_patch(Rectangle((left + 0.02, top + 0.02), width - 0.04, height - 0.04, color=ground, lw=0))
    axes.text(left + width / 2, top + height / 2, sign, ha="center", va="center", color=ink, fontsize=9)


def _key(axes, top: float) -> None:
    for place, (verdict, (sign, ground, ink)) in enumerate(LOOKS.items()):
        left = 0.1 + LEFT + 1.15 * place
        axes.add_patch(Rectangle((left, top - 0.09), 0.2, 0.18, color=ground, lw=0))
        axes.text(left + 0.1, top, sign, ha="center", va="center", color=ink, fontsize=7)
        axes.text(left + 0.26, top, verdict, va="center", fontsize=6.5)
    axes.text(0.1 + LEFT + 3.5, top, "\u2013 not tested", va="center", fontsize=6.5, color=style.REFERENCE)
