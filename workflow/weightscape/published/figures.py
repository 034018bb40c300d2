"""All figures of published tables."""

from pathlib import Path

import matplotlib as mpl

from weightscape.figures.parts import style
from weightscape.published.analysis import Results
from weightscape.published.conditions import Conditions
from weightscape.published.our_figures import FIGURES as OUR_FIGURES
from weightscape.published.paper_figures import FIGURES as PAPER_FIGURES
from weightscape.published.style import looks

FIGURES = {**PAPER_FIGURES, **OUR_FIGURES}


def draw(results: Results, conditions: Conditions, folder: Path) -> list[Path]:
    """Draw every figure as PDF and PNG into a folder; the paths of the files."""
    paths: list[Path] = []
    with mpl.rc_context(style.RC):
        for name, drawing in FIGURES.items():
            paths += style.save(drawing(vars(results), looks(conditions)), folder / name)
    return paths
