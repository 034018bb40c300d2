"""Settings of the diffusion model that is trained here; `config.yaml` has their values, its schema their ranges."""

from collections.abc import Sequence
from dataclasses import dataclass

from weightscape.errors import UserError


@dataclass(frozen=True)
class ModelSettings:
    patch: int  # side of the pixel block that becomes one position
    channels: tuple[int, ...]  # per resolution, each half the one before
    layers: int  # residual blocks per resolution
    schedule: str  # of the noise, by its name in diffusers
    filter: bool  # whether the network goes on from the estimate of a filter


@dataclass(frozen=True)
class TrainingSettings:
    steps: int
    batch_size: int
    learning_rate: float  # peak, of AdamW
    matrix_rate: float  # peak, of Muon
    warmup: float  # share of the steps in which the rate rises from 0
    decay: float  # last share of the steps, in which the rate falls to 0
    weight_decay: float
    noise_mean: float  # of the logarithm of noise over signal at the times of training
    noise_spread: float  # its standard deviation
    label_drop: float  # share of labels hidden, so that guidance has a model without labels
    ema_decay: float
    ema_power: float  # the decay after n steps is 1 - (1 + n)^-power, at most ema_decay
    precision: str  # float32 or bfloat16
    checkpoint_minutes: float


@dataclass(frozen=True)
class TrainGeneratorSettings:
    model: ModelSettings
    training: TrainingSettings
    seed: int


def check_size(patch: int, channels: Sequence[int], height: int, width: int) -> None:
    """Refuse images that the patch and the resolutions of the network do not divide."""
    unit = patch * 2 ** (len(channels) - 1)
    if height % unit or width % unit:
        raise UserError(
            f"images are {height} x {width} pixels, but generate.model.patch = {patch} and {len(channels)} "
            f"generate.model.channels need multiples of {unit}: lower one of them, or change the size of the images"
        )
