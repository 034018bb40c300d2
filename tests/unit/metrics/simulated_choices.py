"""Fake studies of chosen images, with a known truth: budgets x ways of choosing, behind one gate.

A run's OOD accuracy is that of its condition plus normal noise; the least diverse images lose what the most diverse
gain, and those of `k_centre` gain half of it.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.settings import FurtherImages
from weightscape.metrics.analysis.setups import Layers, Setup

SPACE, BACKBONE = "before", "net"
GAINS = {"random": 0.0, "log_det": 1.0, "k_centre": 0.5, "least_diverse": -1.0}
PATTERNS = ("dropout", "weight_decay")
"""Families that move the layers' norm and entropy."""
SHARES = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Truth:
    """`gain` is that of log-determinant over random images, `noise` the standard deviation of a run."""

    seeds: int = 16
    pool: int = 24
    gain: float = 0.045
    noise: float = 0.061
    unequal: float = 1.0  # standard deviation of the least diverse over that of the others
    gains: dict[str, float] = field(default_factory=lambda: GAINS)
    scores: float = 0.2  # ln Vendi that goes with the gain
    purity: float = 0.0  # judge's accuracy of log-determinant less that of the others
    limited: float = 0.05  # validation accuracy that further real images add
    pattern: float | None = None  # of log-determinant, where dropout has 6; None: no dropout, no decay


def further(**changes: object) -> tuple[FurtherImages, ...]:
    """The conditions of the study."""
    fixed = {"recipe": "guided", "by": SPACE, "gated": True, "given": True, "pool": 0.8} | changes
    chosen = [
        FurtherImages(family="synthetic_add", dose=f"{way}-{share}", share=share, method=way, **fixed)
        for share in SHARES
        for way in GAINS
    ]
    none = fixed | {"recipe": None, "by": "pixels", "gated": False, "pool": 1.0}
    return (*chosen, *(FurtherImages("real_add", f"real-{s}", s, method=None, **none) for s in SHARES))


def setup(truth: Truth, rng: np.random.Generator, shuffled: bool = False) -> Setup:
    """One fake setup; `shuffled` gives the runs of a budget each other's OOD accuracy."""
    rows = [("baseline", "baseline", 0.0, seed) for seed in range(truth.pool)]
    rows += [(e.family, e.dose, e.share, seed) for e in further() for seed in range(truth.seeds)]
    if truth.pattern is not None:
        rows += [(name, "x", 1.0, seed) for name in PATTERNS for seed in range(truth.seeds)]
    runs = pd.DataFrame(rows, columns=["family", "dose", "number", "seed"])
    way = runs["dose"].str.rpartition("-")[0].to_numpy(str)
    gain = np.array([truth.gains.get(name, 0.0) for name in way])
    spread = np.where(way == "least_diverse", truth.unequal, 1.0)
    ood = 0.5 + truth.gain * gain + truth.noise * spread * rng.normal(size=len(runs))
    if shuffled:
        for share in SHARES:
            at = np.flatnonzero((runs["number"] == share) & (runs["family"] == "synthetic_add"))
            ood[at] = ood[rng.permutation(at)]
    real = runs["family"].to_numpy() == "real_add"
    found = {
        "ood": ood,
        "ood_loss": 2 - ood + 0.01 * rng.normal(size=len(runs)),
        "test": 0.9 + 0.012 * rng.normal(size=len(runs)),
        "val": 0.9 + truth.limited * real + 0.012 * rng.normal(size=len(runs)),
        "judge": 0.98 + truth.purity * (way == "log_det") + 0.001 * rng.normal(size=len(runs)),
    }
    order = np.array([GAINS.get(name, 0.0) for name in way])
    scores = np.exp(1.5 + truth.scores * order + 0.02 * rng.normal(size=len(runs)))
    moved = {family: (runs["family"] == family) * 6.0 for family in PATTERNS}
    moved["dropout"] += (truth.pattern or 0.0) * order
    layers = {
        name: Layers(
            rng.normal(size=(len(runs), 2)) + moved[family].to_numpy()[:, None],
            rng.normal(size=len(runs)),
            np.array(["conv2d"] * 2),
            np.array(["first", "second"]),
            0,
        )
        for name, family in zip(("log_norm", "entropy"), PATTERNS, strict=True)
    }
    return Setup("fake", BACKBONE, Design.of(runs), layers, found, {(SPACE, "vendi_1"): scores})
