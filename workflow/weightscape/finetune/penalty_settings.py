"""Settings of the stage `penalties`."""

from collections.abc import Mapping
from dataclasses import dataclass

from weightscape.augmentations.operations import Operation
from weightscape.networks.settings import NetworkSettings


@dataclass(frozen=True)
class Measure:
    """Images of the fixed batch, images at a time, and draws of the perturbation of each image."""

    images: int
    batch_size: int
    draws: int


@dataclass(frozen=True)
class Decay:
    """Weight decay per unit of the learning rate, and whether it is also of the head, and of biases and norms."""

    rate: float
    head: bool
    norms: bool


@dataclass(frozen=True)
class Perturbation:
    """The changes by which one condition perturbs the loss; those that it leaves alone are empty, 0 or None."""

    operations: tuple[Operation, ...]
    noise: float  # standard deviation where full scale is 1
    dropout: Mapping[str, float]  # rate of each place that drops
    decay: Decay | None


@dataclass(frozen=True)
class PenaltySettings:
    """The backbone's name, its network, and the perturbation of each family; `seed` draws batch and perturbations."""

    backbone: str
    network: NetworkSettings
    penalties: Measure
    perturbations: Mapping[str, Perturbation]
    seed: int
