"""Draws the eigenvalues of chosen matrices, as one looks at them: density on logarithmic axes, tail and noise edge."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weightscape.formats.writing import replacing

if TYPE_CHECKING:
    from weightscape.formats.tables import Table

MOST = 24  # panels that can still be read
COLUMNS = 4


def draw(path: Path, table: "Table", values: Mapping[str, np.ndarray]) -> int:
    """Draw the spectra of the rows of a table that have one, not all zero, the first 24; returns their number.

    Histogram of log10 lambda; dashed: where the power law begins (`xmin` over `ww_scale`), dotted: `mp_upper`.
    """
    from matplotlib.figure import Figure

    some = {name for name, array in values.items() if array[-1] > 0}
    rows = [row for row in table.to_dict("records") if f"{row['matrix']}/{row['layer']}/{row['part']}" in some]
    shown = rows[:MOST]
    lines = max(1, -(-len(shown) // COLUMNS))
    figure = Figure(figsize=(3.2 * min(COLUMNS, max(1, len(shown))), 2.4 * lines), layout="constrained")
    axes = figure.subplots(lines, min(COLUMNS, max(1, len(shown))), squeeze=False).ravel()
    for row, axis in zip(shown, axes, strict=False):
        eigenvalues = values[f"{row['matrix']}/{row['layer']}/{row['part']}"]
        positive = eigenvalues[eigenvalues > eigenvalues[-1] * 1e-16]
        axis.hist(np.log10(positive), bins="auto" if len(positive) > 1 else 1, color="0.6")
        for edge, style in ((row["xmin"] / row["ww_scale"], "--"), (row["mp_upper"], ":")):
            if np.isfinite(edge) and edge > 0:
                axis.axvline(np.log10(edge), color="C3", linestyle=style, linewidth=1)
        part = "" if row["part"] == "weight" else f" {row['part']}"
        axis.set_title(
            f"{row['layer']}{part} ({row['matrix']})\nalpha {row['alpha']:.2f}, n {len(eigenvalues)}", fontsize=7
        )
        axis.set_yscale("log")
        axis.tick_params(labelsize=7)
        axis.set_xlabel("log10 λ", fontsize=7)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=150)
    return len(shown)
