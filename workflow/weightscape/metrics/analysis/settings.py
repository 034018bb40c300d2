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
class Offered:
    """How many images a condition takes, per real one, and what they are taken from."""

    share: float
    recipe: str | None = None
    gated: bool = False
    pool: float = 1.0


@dataclass(frozen=True)
class FurtherImages:
    """How a condition takes images beside the real ones: `share` of them, by `method`, None where they are drawn.

    `by` is the space in which they are compared; `gated` tells whether a classifier that knows the baseline's images
    alone accepts each, `given` whether the real images count as already there, `pool` the share that a seed draws.
    """

    family: str
    dose: str
    share: float
    recipe: str | None
    method: str | None
    by: str
    gated: bool
    given: bool
    pool: float

    @property
    def is_chosen(self) -> bool:
        """Whether their diversity decides which images these are."""
        return self.method not in (None, "random")

    @property
    def offered(self) -> Offered:
        """Equal for conditions that differ only by the choice."""
        return Offered(self.share, self.recipe, self.gated, self.pool)


@dataclass(frozen=True)
class Options:
    """`config.yaml`, block `analyse`, tells what each means; the last four come from the rest of the study."""

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

    further: tuple[FurtherImages, ...]
    """The conditions that take further images."""

    @property
    def chosen(self) -> frozenset[tuple[str, str]]:
        """The conditions, as (family, dose), whose images are chosen by their diversity."""
        return frozenset((each.family, each.dose) for each in self.further if each.is_chosen)

    @property
    def level(self) -> float:
        """The level of the intervals."""
        return 1 - self.alpha
