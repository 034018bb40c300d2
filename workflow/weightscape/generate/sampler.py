"""Sampler: images from a trained diffusion model, by classifier-free guidance and a deterministic solver.

Guidance g answers v_0 + g (v_c - v_0), with v_c the velocity for the label and v_0 that for a hidden label:
0 ignores the label, 1 is the plain conditional model, more exaggerates the label (Ho and Salimans 2022,
whose w is g - 1). The probability flow is followed with DPM-Solver++(2M) (Lu et al. 2022), which draws
nothing.

The starting noise of an image comes from a stream named by (seed, label, index): an image does not depend
on the others of its batch, but for rounding where the size of a batch decides the order of sums (rarely one
grey level). The noise does not depend on guidance, so that images of one label and index at two guidance
scales are pairs.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from weightscape import seeds
from weightscape.generate import denoiser
from weightscape.generate.denoiser import SHAPE, DDPMSettings

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d import UNet2DModel
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    from weightscape.progress import Progress


def sample(
    weights: Mapping[str, np.ndarray],
    settings: DDPMSettings,
    classes: int,
    label: int | Sequence[int],
    guidance: float,
    indices: Sequence[int],
    seed: int,
    device: str = "cpu",
    batch_size: int = 100,
    progress: "Progress | None" = None,
) -> np.ndarray:
    """Images uint8 [len(indices), c, h, w] of one label, or of one per index; `progress` counts images."""
    labels = [int(one) for one in np.atleast_1d(label)]
    labels = labels * len(indices) if np.ndim(label) == 0 else labels
    if len(labels) != len(indices):
        raise ValueError(f"{len(indices)} indices need as many labels, got {len(labels)}")
    if not all(0 <= one < classes for one in labels):
        raise ValueError(f"labels must lie in [0, {classes - 1}], got {sorted(set(labels))}")
    images = np.empty((len(indices), *weights[SHAPE]), np.uint8)
    drawn = batch_of(weights, settings, classes, guidance, seed, device)
    for start in range(0, len(indices), batch_size):
        part = slice(start, start + batch_size)
        images[part] = drawn(labels[part], indices[part])
        if progress is not None:
            progress.advance(len(images[part]))
    return images


def batch_of(
    weights: Mapping[str, np.ndarray], settings: DDPMSettings, classes: int, guidance: float, seed: int, device: str
) -> Callable[[Sequence[int], Sequence[int]], np.ndarray]:
    """The function from labels and indices to their images uint8 [n, c, h, w], drawn as one batch."""
    shape = [int(side) for side in weights[SHAPE]]
    model = _rebuilt(weights, settings, classes, shape[0], device)

    @torch.no_grad()
    def drawn(labels: Sequence[int], indices: Sequence[int]) -> np.ndarray:
        noise = [_noise(shape, settings, seed, *one) for one in zip(labels, indices, strict=True)]
        asked = torch.tensor(labels, device=device)
        grid = _denoised(model, torch.stack(noise).to(device), asked, classes, guidance, settings)
        return denoiser.to_images(grid, settings)

    return drawn


def _rebuilt(
    weights: Mapping[str, np.ndarray], settings: DDPMSettings, classes: int, channels: int, device: str
) -> "UNet2DModel":
    with torch.random.fork_rng(devices=[]):
        model = denoiser.network(settings, classes, channels, device)
    model.load_state_dict({name: torch.from_numpy(np.array(weights[name])) for name in model.state_dict()})
    return model.eval()


def _noise(shape: Sequence[int], settings: DDPMSettings, seed: int, label: int, index: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seeds.seed(seed, "ddpm", "noise", int(label), int(index)))
    return functional.pixel_unshuffle(torch.randn(tuple(shape), generator=stream), settings.patch)


def _solver(settings: DDPMSettings) -> "DPMSolverMultistepScheduler":
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    solver = DPMSolverMultistepScheduler(
        **denoiser.schedule(settings),
        algorithm_type="dpmsolver++",
        solver_order=2,
        timestep_spacing="trailing",
    )
    with warnings.catch_warnings():
        # torch's tensors do not know the keyword `copy` that numpy 2 asks for; nothing depends on it here.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        solver.set_timesteps(settings.sampler_steps)
    return solver


def _denoised(
    model: "UNet2DModel",
    noise: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    guidance: float,
    settings: DDPMSettings,
) -> torch.Tensor:
    """The end of the probability flow that starts at `noise`."""
    solver = _solver(settings)
    grid = noise
    for time in solver.timesteps:
        velocity = _guided(model, grid, time.to(grid.device), labels, classes, guidance, settings)
        grid = solver.step(velocity, time, grid, return_dict=False)[0]  # pyright: ignore[reportArgumentType]
    return grid


def _guided(
    model: "UNet2DModel",
    grid: torch.Tensor,
    time: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    guidance: float,
    settings: DDPMSettings,
) -> torch.Tensor:
    """v_0 + g (v_c - v_0); guidance 0 and 1 need one pass instead of two."""
    hidden = torch.full_like(labels, classes)
    if guidance in (0, 1):
        return denoiser.velocity(model, grid, time, labels if guidance == 1 else hidden, settings)
    both = denoiser.velocity(model, torch.cat([grid, grid]), time, torch.cat([labels, hidden]), settings)
    conditional, free = both.chunk(2)
    return free + guidance * (conditional - free)
