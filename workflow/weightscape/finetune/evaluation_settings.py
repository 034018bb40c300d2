"""Settings of the stage `evaluate`."""

from dataclasses import dataclass

from weightscape.networks.settings import NetworkSettings


@dataclass(frozen=True)
class Evaluation:
    """Images at a time, bins of the calibration error, and draws of the bootstrap over images."""

    batch_size: int
    calibration_bins: int
    bootstrap_draws: int


@dataclass(frozen=True)
class EvaluateSettings:
    """The backbone's name, its network, and how it is evaluated; `seed` is that of the bootstrap."""

    backbone: str
    network: NetworkSettings
    evaluate: Evaluation
    seed: int
