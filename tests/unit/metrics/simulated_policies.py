"""Fake studies of augmentation policies, with a known truth: the most diverse one that a judge accepts gains.

Policy BEST is the most diverse one of those that the judge accepts; WRONG is more diverse, and rejected. The others
are equally good, or differ for reasons that have nothing to do with their diversity.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.setups import Layers, Setup

BEST, WRONG = 5, 7
SPACE = "trained"


@dataclass(frozen=True)
class Truth:
    """`gain` is that of BEST over each other policy in OOD accuracy, `noise` the standard deviation of a run."""

    seeds: int = 12
    policies: int = 12
    gain: float = 0.1
    noise: float = 0.03
    unequal: float = 1.0  # standard deviation of the strongest policy over that of the others
    spread: float = 0.0  # standard deviation of the policies' means, whatever their diversity
    strongest: float = 0.0  # gain of the strongest policy


def setup(truth: Truth, rng: np.random.Generator, shuffled: bool = False) -> Setup:
    """One fake setup; `shuffled` gives the runs of all policies each other's OOD accuracy."""
    names = [f"p{at:02d}" for at in range(truth.policies)]
    rows = [("baseline", "baseline", 0.0, seed) for seed in range(18)]
    rows += [("real_add", "equal", 1.0, seed) for seed in range(truth.seeds)]
    rows += [("augment", name, at + 1.0, seed) for at, name in enumerate(names) for seed in range(truth.seeds)]
    runs = pd.DataFrame(rows, columns=["family", "dose", "number", "seed"])
    dose, real = runs["dose"].to_numpy(), runs["family"].to_numpy() == "real_add"
    best, wrong, strongest = (dose == name for name in (names[BEST], names[min(WRONG, len(names) - 1)], names[-1]))
    noise = rng.normal(size=(5, len(runs)))
    means = truth.gain * best + truth.strongest * strongest
    if truth.spread:
        drawn = dict(zip(names, truth.spread * rng.normal(size=len(names)), strict=True))
        means += np.array([drawn.get(name, 0.0) for name in dose])
    ood = 0.5 + means + truth.noise * np.where(strongest, truth.unequal, 1.0) * noise[0]
    if shuffled:
        at = np.flatnonzero(runs["family"] == "augment")
        ood[at] = ood[rng.permutation(at)]
    found = {
        "ood": ood,
        "ood_loss": 2 - means + 0.03 * noise[1],
        "test": 0.9 + 0.01 * noise[2],
        "val": 0.9 + 0.05 * real - 0.3 * wrong + 0.01 * noise[3],
        "judge": np.where(wrong, 0.4, 0.95),
    }
    scores = np.exp(1 + 0.2 * best + 0.5 * wrong + 0.01 * noise[4])
    layers = Layers(
        rng.normal(size=(len(runs), 1)), rng.normal(size=len(runs)), np.array(["conv2d"]), np.array(["first"]), 0
    )
    space = {(name, "vendi_1"): scores for name in ("pixels", "net", SPACE)}
    return Setup("fake", "net", Design.of(runs), {"log_norm": layers}, found, space)
