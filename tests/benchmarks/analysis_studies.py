"""The simulated studies that the calibration of the analysis draws."""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

from unit.metrics import simulated_studies as simulate  # noqa: E402
from unit.metrics.planted import options  # noqa: E402
from weightscape.families import DECAY, DIVERSITY, DROPOUT  # noqa: E402
from weightscape.metrics.analysis import features  # noqa: E402

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


EXPLAINED = (DROPOUT, DECAY, "steps", "label_noise", "duplicate")


def planted(like: Sequence[float], number: int, seeds: int, size: float, **more: Any) -> simulate.Truth:
    """A study whose diversity has these parts of five orthogonal interventions, and of a direction of its own.

    All effects have the length `size` in standard deviations of a layer; those of duplicates and of fewer steps, which
    is their strongest dose here, are opposite to the axis.
    """
    axes = np.linalg.qr(np.random.default_rng([number, 7]).normal(size=(LAYERS, LAYERS)))[0]
    profiles = {name: size * axes[:, k] for k, name in enumerate(EXPLAINED)}
    profiles["duplicate"] = -profiles["duplicate"]
    parts = np.asarray(like, float) / np.linalg.norm(like)
    profiles[DIVERSITY] = size * axes[:, : len(parts)] @ parts
    return simulate.Truth(seeds=seeds, layers=LAYERS, metrics=METRICS, profiles=profiles, **more)


def regressed(made: Any) -> features.Scope:
    """The regression of diversity in the scope `hidden`."""
    return next(features.scopes(made, OPTIONS))
