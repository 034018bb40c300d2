"""Operations of making synthetic images, counted by torch on the `meta` device: of a pipeline with the denoiser and
decoder of Stable Diffusion 1.x, and of the diffusion model that is trained here.
"""

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from weightscape.costs.assumptions import Sizes
from weightscape.generate.model_settings import ModelSettings
from weightscape.study import Config, generator_sizes, recipes

BACKWARD = 3
"""Operations of a training step over those of the forward pass (the backward pass takes twice as many)."""


def counted(model: nn.Module, *inputs: Any, **named: Any) -> float:
    """Operations of one forward pass of a model on the `meta` device."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(*inputs, **named)
    return float(counter.get_total_flops())


def images_of(config: Config, recipe: str, sizes: Mapping[str, Sizes]) -> dict[str, int]:
    """How many images a recipe makes for each data set."""
    return {name: recipes.images_per_class(config, recipe, name) * size.classes for name, size in sizes.items()}


def sampling(config: Config, sizes: Mapping[str, Sizes]) -> float:
    """Operations of sampling all images of all recipes."""
    return sum(
        count * _image(config, recipes.recipe(config, name), dataset, sizes[dataset])
        for name in recipes.names(config)
        for dataset, count in images_of(config, name, sizes).items()
    )


def training(config: Config, sizes: Mapping[str, Sizes]) -> float:
    """Operations of training one diffusion model for each data set; 0 where a pipeline is loaded."""
    block = config["generate"]
    if block["kind"] != "ddpm":
        return 0.0
    shown = {name: generator_sizes.training(config, name) for name in sizes}
    return sum(
        shown[name].steps * shown[name].batch_size * BACKWARD * _step(config, name, size)
        for name, size in sizes.items()
    )


def _image(config: Config, recipe: Config, dataset: str, size: Sizes) -> float:
    """One image by one recipe."""
    block, guidance = config["generate"], float(recipe["guidance"])
    if block["kind"] == "ddpm":
        sampling = block["sampling"]
        passes = 1 if guidance in (0, 1) else 1 + sampling["guidance_below"]
        return _step(config, dataset, size) * sampling["sampler_steps"] * passes
    pipeline = block["pipeline"]
    steps = pipeline["steps"] * (recipe["strength"] if block["kind"] == "image_to_image" else 1.0)
    return pipeline_operations(pipeline["size"], round(steps), guidance > 1)


def _step(config: Config, dataset: str, size: Sizes) -> float:
    return ddpm_operations(generator_sizes.model(config, dataset), size.shape, size.classes)


@functools.cache
def ddpm_operations(settings: ModelSettings, shape: tuple[int, int, int], classes: int) -> float:
    """One image [c, h, w] through the network of the diffusion model that is trained here, once."""
    from weightscape.generate import denoiser, model_settings

    patch = settings.patch
    model_settings.check_size(patch, settings.channels, *shape[1:])
    with torch.device("meta"):
        model = denoiser.network(settings, classes, shape, "meta").eval()
        grid = torch.empty(1, shape[0] * patch**2, shape[1] // patch, shape[2] // patch)
        time, label = torch.empty(1), torch.zeros(1, dtype=torch.int64)
    return counted(model, grid, time, label)


@functools.cache
def pipeline_operations(size: int, steps: int, guided: bool) -> float:
    """One image of a pipeline with the denoiser and decoder of Stable Diffusion 1.x."""
    unet, decoder = stable_diffusion("meta")
    with torch.device("meta"):
        latent = torch.empty(1, 4, size // 8, size // 8)
        text, time = torch.empty(1, 77, 768), torch.empty(1)
    step = counted(unet, latent, time, text) * (2 if guided else 1)
    return step * steps + counted(decoder, latent)


def stable_diffusion(device: str) -> tuple[nn.Module, nn.Module]:
    """Denoiser and decoder of the shapes of Stable Diffusion 1.x, untrained."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shape: dict[str, Any] = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
    }
    with torch.device(device):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).eval()
        return unet, AutoencoderKL(**shape).eval().decoder
