"""The settings of a reanalysis of published tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.formats.typed import from_json
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.spectral_metrics import PRIMARY, PUBLISHED

METRICS = PUBLISHED
"""The columns of WeightWatcher's tables that are analysed."""

FIGURES = ("family_means", "layer_curves", "family_tests", "condition_effects", "group_similarity")
"""The names of the figures, in the order of the page."""


@dataclass(frozen=True)
class ReanalyseSettings:
    """The settings of the stage `reanalyse`: path of the conditions file, and how repeated runs are tested."""

    conditions: str
    analyse: Options


def options(analyse: Mapping[str, Any]) -> Options:
    """How repeated runs are tested: as the config's block `analyse` states, on the metrics of published tables."""
    fixed = {"metrics": METRICS, "primary": PRIMARY, "seed": 0, "coarse": (), "scratch": (), "further": ()}
    return from_json(Options, {**analyse, **fixed}, "analyse")
