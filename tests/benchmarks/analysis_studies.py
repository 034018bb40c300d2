"""The simulated studies that the calibration of the analysis draws."""

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from unit.metrics import simulated_studies as simulate  # noqa: E402
from unit.metrics.planted import options  # noqa: E402
from weightscape.families import COMPARED  # noqa: E402
from weightscape.metrics.analysis import similarity  # noqa: E402
from weightscape.metrics.analysis.dose_curves import Curve  # noqa: E402

LAYERS = 16
METRICS = ("log_norm", "entropy")
OPTIONS = options(metrics=METRICS)
Found = dict[str, float]  # 1 or 0 of each event; an event that could not be judged is left out


@functools.cache
def runs(truth_key: tuple[int, tuple[str, ...]]) -> Any:
    """The table of runs of a study, made once."""
    return simulate.runs_of(simulate.Truth(seeds=truth_key[0], families=truth_key[1]))


def drawn(truth: simulate.Truth, number: int, *stream: int) -> Any:
    """The study with this number."""
    rng = np.random.default_rng([number, truth.seeds, *stream])
    return simulate.setup(truth, rng, runs((truth.seeds, truth.families)))


def directions(cosines: tuple[float, float], rng: np.random.Generator, size: float) -> dict[str, np.ndarray]:
    """Profiles of given length and cosines of augment with dropout and with weight decay (themselves orthogonal)."""
    basis = np.linalg.qr(rng.normal(size=(LAYERS, 3)))[0]
    left, right = cosines
    rest = np.sqrt(1 - left**2 - right**2)
    own = left * basis[:, 0] + right * basis[:, 1] + rest * basis[:, 2]
    return {"augment": size * own, "dropout": size * basis[:, 0], "weight_decay": size * basis[:, 1]}


LEVELS = {"augment": 0.05, "dropout": 0.05, "weight_decay": 0.1}


def matched_truth(seeds: int, cosines: tuple[float, float], number: int, size: float, **more: Any) -> simulate.Truth:
    """A study of the three central families with known cosines and overlapping levels."""
    rng = np.random.default_rng([number, 7])
    profiles = directions(cosines, rng, size)
    return simulate.Truth(
        seeds=seeds,
        layers=LAYERS,
        metrics=("log_norm",),
        families=COMPARED,
        profiles=profiles,
        levels=LEVELS,
        **more,
    )


def compared(made: Any) -> Any:
    """cos(diversity, dropout) - cos(diversity, weight decay) at matched dose."""
    profiles = similarity.scaled(made.design, made.metrics["log_norm"].hidden)
    curves = [Curve.of(made.design, f, profiles, made.outcomes["level"]) for f in COMPARED]
    return similarity.jackknife(curves, similarity.matched, similarity.comparison)
