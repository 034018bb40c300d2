"""Denoiser: the network that a diffusion model learns, its noise schedule, and the scale of its pixels.

An image becomes float32 in [-1, 1], and each `patch` x `patch` block of its pixels becomes the channels of
one position (pixel unshuffle): the convolutions then work on a grid `patch` times coarser in each
direction, at a cost `patch`^2 times lower, while the model still makes images of the data set's own size.

The noise schedule is x_t = a_t x_0 + s_t e with a_t^2 + s_t^2 = 1; the network predicts v = a_t e - s_t x_0
(Salimans and Ho 2022, eq. 11 and appendix D), whose scale is the same at every t.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional, init

from weightscape.errors import UserError

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d import UNet2DModel

TIMES = 1000
SHAPE = "image_shape"  # the one entry of the weights that is no weight: c, h, w of an image
SCHEDULES = ("squaredcos_cap_v2", "linear")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class DDPMSettings:
    """How the generator is built, trained and sampled. Fractions are of `steps` or of a batch."""

    patch: int = 2  # side of the pixel block that becomes one position
    channels: tuple[int, ...] = (24, 48)  # per resolution, each half the one before; multiples of 8
    layers: int = 1  # residual blocks per resolution
    schedule: str = "squaredcos_cap_v2"
    steps: int = 500
    batch_size: int = 32
    learning_rate: float = 2.0e-3
    warmup: float = 0.05  # fraction of the steps in which the rate rises from 0
    decay: float = 0.7  # last fraction of the steps, in which the rate falls to 0
    weight_decay: float = 0.01
    label_drop: float = 0.1  # fraction of labels hidden, so that guidance has a model without labels
    ema_decay: float = 0.999
    ema_power: float = 0.75  # the decay after n steps is 1 - (1 + n)^-power, at most ema_decay
    precision: str = "float32"
    checkpoint_every: int = 50  # steps
    sampler_steps: int = 8

    def __post_init__(self) -> None:
        for name in ("patch", "layers", "steps", "batch_size", "checkpoint_every"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        _require("sampler_steps", self.sampler_steps, 2 <= self.sampler_steps <= TIMES, f"in [2, {TIMES}]")
        _require("learning_rate", self.learning_rate, 0 < self.learning_rate < 1, "in (0, 1)")
        _require("weight_decay", self.weight_decay, self.weight_decay >= 0, "at least 0")
        for name in ("warmup", "decay"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "in [0, 1]")
        for name in ("label_drop", "ema_decay"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "in [0, 1)")
        _require("ema_power", self.ema_power, self.ema_power > 0, "positive")
        _require("channels", self.channels, _are_widths(self.channels), "a list of positive multiples of 8")
        _require("schedule", self.schedule, self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}")
        _require("precision", self.precision, self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "DDPMSettings":
        """Settings from a block of the config; an unknown key is a user's error."""
        allowed = [field.name for field in fields(cls)]
        for key in settings:
            if key not in allowed:
                raise UserError(f"generator.{key} is not a setting: use some of {', '.join(allowed)}")
        values = dict(settings)
        if isinstance(values.get("channels"), list):
            values["channels"] = tuple(values["channels"])
        return cls(**values)


def _require(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise UserError(f"generator.{name} must be {allowed}, got {value}: correct the config")


def _are_widths(channels: tuple[int, ...]) -> bool:
    return len(channels) > 0 and all(width > 0 and width % 8 == 0 for width in channels)


def network(settings: DDPMSettings, classes: int, image_channels: int, device: str) -> "UNet2DModel":
    """A U-Net without attention; label `classes` stands for a hidden label.

    The embedding of time and class scales and shifts each normalised map: adding it alone learns far slower.
    """
    from diffusers.models.unets.unet_2d import UNet2DModel

    levels = len(settings.channels)
    model = UNet2DModel(
        in_channels=image_channels * settings.patch**2,
        out_channels=image_channels * settings.patch**2,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
        attention_head_dim=None,
        norm_num_groups=8,
        num_class_embeds=classes + 1,
        resnet_time_scale_shift="scale_shift",
    )
    init.zeros_(model.conv_out.weight)  # v = 0 at first: no layer has to unlearn an arbitrary answer
    nn.Module.to(model, device)  # the method itself, which diffusers wraps without its types
    return model


def velocity(
    model: "UNet2DModel",
    noisy: torch.Tensor,
    times: torch.Tensor,
    labels: torch.Tensor,
    settings: DDPMSettings,
) -> torch.Tensor:
    """The network's answer, in float32; weights and answer stay float32 at either precision."""
    half = settings.precision == "bfloat16"
    with torch.autocast(noisy.device.type, torch.bfloat16, enabled=half):
        return model(noisy, times, labels, return_dict=False)[0].float()


def schedule(settings: DDPMSettings) -> dict[str, Any]:
    """The noise schedule as diffusers' schedulers take it, the same in training and sampling."""
    return {
        "num_train_timesteps": TIMES,
        "beta_schedule": settings.schedule,
        "prediction_type": "v_prediction",
    }


def to_grid(images: np.ndarray, settings: DDPMSettings) -> torch.Tensor:
    """Uint8 [n, c, h, w] to float32 [n, c patch^2, h / patch, w / patch] in [-1, 1]."""
    return functional.pixel_unshuffle(torch.from_numpy(images.astype(np.float32) / 127.5 - 1), settings.patch)


def to_images(grid: torch.Tensor, settings: DDPMSettings) -> np.ndarray:
    """The inverse of `to_grid`, rounded and clipped."""
    pixels = (functional.pixel_shuffle(grid, settings.patch) + 1) * 127.5
    return pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
