"""The settings of the analysis: the config's block `analyse` and what the study knows about its sets of images."""

from collections.abc import Mapping
from dataclasses import dataclass

MEASURES = (
    "vendi_",
    "vendi.classes.mean.",
    "weighted.score.",
    "weighted.rho.published",
    "weighted.rho.covariance",
    "weighted.rho.mean",
    "mean_cosine",
    "pldiv.mean",
    "cluster_entropy.value",
    "precision",
    "recall",
    "density",
    "coverage",
    "kid.value",
    "mmd2.value",
    "energy_distance",
    "transport.value",
    "sliced_transport.value",
)
"""Beginnings of the names of diversity measures (the others are counts, spreads and references)."""

NOISE_SCORES = ("vendi.noise.mean.1", "vendi.random_directions.mean.1")
"""Vendi scores of pure noise, as images and as directions, at the common number of rows."""


@dataclass(frozen=True)
class SignatureOptions:
    """By scope (`hidden`, `update`, `head`) the metrics that make its features, and the scopes that claim C2 names.

    Hidden layers are cut into so many groups from first to last, each with a mean of its own.
    """

    groups: int
    features: Mapping[str, tuple[str, ...]]
    claim: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """`config.yaml`, block `analyse`, tells what each means; the last three come from the rest of the study."""

    metrics: tuple[str, ...]
    primary: str
    alpha: float
    max_drop: float
    judge_floor: float
    signature: SignatureOptions
    margin: float
    margins: Mapping[str, float]
    draws: int
    controls: Mapping[str, tuple[str, ...]]
    seed: int
    """The root of the random streams."""

    coarse: tuple[str, ...]
    """Data sets whose images are larger than what the generator makes."""

    scratch: tuple[str, ...]
    """Backbones that start from random weights; the others are pre-trained."""

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return 1 - self.alpha
