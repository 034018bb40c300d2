"""All figures of published tables, and their captions."""

from pathlib import Path

import matplotlib as mpl

from weightscape.figures import style
from weightscape.published.analysis import Results
from weightscape.published.conditions import Conditions
from weightscape.published.looks import looks
from weightscape.published.our_figures import FIGURES as OUR_FIGURES
from weightscape.published.paper_figures import FIGURES as PAPER_FIGURES

FIGURES = {**PAPER_FIGURES, **OUR_FIGURES}
CAPTIONS = {
    "family_means": "Mean effects of the families by the published procedure. The effect is the change from before to "
    "after training minus that of the one baseline run. Compare the columns: the head is one layer, and can carry the "
    "mean over all of them. There are no error bars, as there is one run of each condition.",
    "layer_curves": "Effects of the families in each layer by the published procedure, mean over conditions and data "
    "sets. There are no error bars, as there is one run of each condition.",
    "family_tests": "Similarity and tests of the families by the published procedure. It takes layers as independent "
    "samples and one shared baseline, and reads a large p as likeness: neither p nor r is evidence here.",
    "condition_effects": "Mean effect of each condition over the hidden layers, one mark per run, by our rules: failed, "
    "missing and infinite values and frozen layers are left out. Without replicates no spread is known.",
    "group_similarity": "Cosine of the groups' mean effects over the hidden layers. A hollow mark is farther from the "
    "second group than from no effect at all, so that its cosine is no likeness. All groups share one baseline run, "
    "which by itself makes cosines positive. Doses are not matched. No interval can be given without replicates.",
}


def draw(results: Results, conditions: Conditions, folder: Path) -> list[Path]:
    """Draw every figure as PDF and PNG into a folder; the paths of the files."""
    paths: list[Path] = []
    with mpl.rc_context(style.RC):
        for name, drawing in FIGURES.items():
            paths += style.save(drawing(vars(results), looks(conditions)), folder / name)
    return paths
