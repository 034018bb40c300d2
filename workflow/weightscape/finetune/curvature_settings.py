"""Settings of the stage `curvature`."""

from dataclasses import dataclass

from weightscape.networks.settings import NetworkSettings


@dataclass(frozen=True)
class Measure:
    """Images of the fixed batch, images at a time, directions of each trace, and iterations of Lanczos."""

    images: int
    batch_size: int
    probes: int
    iterations: int


@dataclass(frozen=True)
class CurvatureSettings:
    """The backbone's name, its network, and how its curvature is measured; `seed` draws batch and directions."""

    backbone: str
    network: NetworkSettings
    curvature: Measure
    seed: int
