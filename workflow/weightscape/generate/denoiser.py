"""Denoiser: the network that a diffusion model learns, its noise schedule, and the scale of its pixels.

An image becomes float32 in [-1, 1], and each `patch` x `patch` block of its pixels becomes the channels of
one position (pixel unshuffle): the convolutions then work on a grid `patch` times coarser in each
direction, at a cost `patch`^2 times lower, while the model still makes images of the data set's own size.

The noise schedule is x_t = a_t x_0 + s_t e with a_t + s_t = 1 (`flow`: rectified flow, Liu et al. 2022) or with
a_t^2 + s_t^2 = 1 (those of diffusers' betas). The network predicts the clean x_0: images lie near
few dimensions, so that a network narrower than a block has pixels can tell them, but not the noise (Li and He 2025).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional, init

from weightscape.generate.filters import INPUTS, Continued, Filter
from weightscape.generate.model_settings import ModelSettings

TIMES = 1000
FLOW = "flow"
SHAPE = "image_shape"  # the one entry of the weights that is no weight: c, h, w of an image


def network(settings: ModelSettings, classes: int, shape: Sequence[int], device: str) -> nn.Module:
    """A U-Net without attention for images c, h, w; label `classes` stands for a hidden label."""
    from diffusers.models.unets.unet_2d import UNet2DModel

    levels, outputs = len(settings.channels), shape[0] * settings.patch**2
    model = UNet2DModel(
        in_channels=outputs * (INPUTS if settings.filter else 1),
        out_channels=outputs,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        add_attention=False,
        attention_head_dim=None,
        norm_num_groups=8,
        num_class_embeds=classes + 1,
        resnet_time_scale_shift="scale_shift",  # adding the embedding of time and class alone learns far slower
    )
    init.zeros_(model.conv_out.weight)  # grey at first: no layer has to unlearn an arbitrary answer
    if settings.filter:
        model = Continued(model, Filter(scales(settings), tuple(shape)), settings.patch)
    nn.Module.to(model, device)  # the method itself, which diffusers wraps without its types
    return model


def estimate(
    model: nn.Module,
    noisy: torch.Tensor,
    times: torch.Tensor,
    labels: torch.Tensor,
    precision: str = "float32",
) -> torch.Tensor:
    """The network's estimate of the clean grid; it and the weights stay float32, whatever the precision of products."""
    half = precision == "bfloat16"
    with torch.autocast(noisy.device.type, torch.bfloat16, enabled=half):
        return model(noisy, times, labels, return_dict=False)[0].float()


def schedule(settings: ModelSettings) -> dict[str, Any]:
    """The noise schedule as diffusers' solver takes it."""
    named = {"use_flow_sigmas": True} if settings.schedule == FLOW else {"beta_schedule": settings.schedule}
    return {"num_train_timesteps": TIMES, "prediction_type": "sample", **named}


def scales(settings: ModelSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """The shares a_t of the image and s_t of the noise at every time, float32 [1000] each."""
    if settings.schedule == FLOW:
        noise = torch.arange(TIMES) / TIMES
        return 1 - noise, noise
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    kept = DDPMScheduler(**schedule(settings)).alphas_cumprod
    return kept.sqrt(), (1 - kept).sqrt()


def to_grid(images: np.ndarray, settings: ModelSettings) -> torch.Tensor:
    """Uint8 [n, c, h, w] to float32 [n, c patch^2, h / patch, w / patch] in [-1, 1]."""
    return functional.pixel_unshuffle(torch.from_numpy(images.astype(np.float32) / 127.5 - 1), settings.patch)


def to_images(grid: torch.Tensor, settings: ModelSettings) -> np.ndarray:
    """The inverse of `to_grid`, rounded and clipped."""
    pixels = (functional.pixel_shuffle(grid, settings.patch) + 1) * 127.5
    return pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
