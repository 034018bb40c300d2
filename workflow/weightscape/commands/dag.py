"""`weightscape dag`: a picture of the workflow's rules, from what `snakemake --rulegraph` prints."""

import argparse
import re
import sys
from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.writing import replacing

HELP = "draw the rules of the workflow from the output of snakemake --rulegraph"
NODE = re.compile(r'^\s*(\d+)\[label = "([^"]+)"')
EDGE = re.compile(r"^\s*(\d+) -> (\d+)")


def configure(parser: argparse.ArgumentParser) -> None:
    """Where the graph comes from and the picture goes."""
    parser.add_argument("graph", type=Path, help="output of snakemake --rulegraph dot, or - for standard input")
    parser.add_argument("--out", type=Path, required=True, help=".svg, .pdf or .png")


def run(arguments: argparse.Namespace) -> int:
    """Draw and save the picture."""
    text = sys.stdin.read() if str(arguments.graph) == "-" else _read(arguments.graph)
    names = {match[1]: match[2] for line in text.splitlines() if (match := NODE.match(line))}
    edges = [(names[m[1]], names[m[2]]) for line in text.splitlines() if (m := EDGE.match(line)) and m[1] != m[2]]
    if not names:
        raise UserError(f"{arguments.graph} holds no rule graph: pass the output of snakemake --rulegraph dot")
    if arguments.out.suffix not in (".svg", ".pdf", ".png"):
        raise UserError(f"--out must end in .svg, .pdf or .png, not in {arguments.out.suffix!r}")
    drawn = draw(levels(list(names.values()), edges), edges)
    with replacing(arguments.out) as temporary:
        drawn.savefig(temporary, format=arguments.out.suffix[1:], bbox_inches="tight")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name the rule graph") from None


def levels(names: list[str], edges: list[tuple[str, str]]) -> list[list[str]]:
    """Rules by their longest distance from a rule without predecessors."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        for before, after in edges:
            depth[after] = max(depth[after], depth[before] + 1)
    return [[name for name in names if depth[name] == level] for level in range(max(depth.values()) + 1)]


def draw(rows: list[list[str]], edges: list[tuple[str, str]]):
    """A figure with one row of boxes per level, sources on top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.75 * len(rows)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    place = {
        name: ((column + 0.5) / len(row), -level) for level, row in enumerate(rows) for column, name in enumerate(row)
    }
    for before, after in edges:
        arrow = {"arrowstyle": "->", "color": "#8a8a8a", "shrinkA": 12, "shrinkB": 12, "lw": 0.8}
        axes.annotate("", place[after], place[before], arrowprops=arrow)
    for name, (x, y) in place.items():
        box = {"boxstyle": "round,pad=0.4", "facecolor": "#e8f1f8", "edgecolor": "#33658a"}
        axes.text(x, y, name, ha="center", va="center", fontsize=9, bbox=box)
    axes.set_xlim(0, 1)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    return figure
