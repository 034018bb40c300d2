"""The study of augmentation policies: its twelve policies are those that the seed draws."""

from collections.abc import Callable
from typing import Any

import numpy as np

from weightscape.project import ROOT
from weightscape.study.config import load

LARGEST: dict[str, Callable[[float], dict[str, float]]] = {
    "affine": lambda u: {
        "degrees": round(45 * u),
        "translate": round(0.25 * u, 3),
        "scale": round(0.4 * u, 3),
        "shear": round(30 * u),
    },
    "elastic": lambda u: {"alpha": round(40 * u, 1), "sigma": 4.0},
    "erasing": lambda u: {"probability": 0.5, "area": round(0.4 * u, 3)},
    "flip": lambda u: {"horizontal": round(0.5 * u, 3), "vertical": 0.0},
    "gaussian_noise": lambda u: {"sigma": round(0.15 * u, 3)},
}
"""Magnitudes of each operation at the share u of its largest size."""


def drawn(seed: int, count: int) -> dict[str, Any]:
    rng, policies = np.random.default_rng(seed), {}
    for number in range(1, count + 1):
        names = rng.permutation(list(LARGEST))[: rng.integers(1, 4)].tolist()
        sizes = {name: rng.uniform(0.1, 1) for name in names}
        operations = [{"name": name, **LARGEST[name](size)} for name, size in sizes.items()]
        policies[f"p{number:02d}"] = {"strength": round(sum(sizes.values()), 2), "operations": operations}
    return policies


def test_the_policies_of_the_study_are_those_that_seed_0_draws() -> None:
    config = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / "policies.yaml")
    assert config["families"]["augment"]["doses"] == drawn(0, 12)
