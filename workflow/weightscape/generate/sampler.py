"""Sampler: images from a trained diffusion model, by classifier-free guidance and a deterministic solver.

Guidance g answers x_0 + g (x_c - x_0), with x_c the clean image estimated for the label and x_0 that for a hidden
label (Ho and Salimans 2022, whose w is g - 1). It acts below a noise level: above it, it makes images alike and adds
little (Kynkäänniemi et al. 2024, arXiv 2404.07724). The probability flow is followed with DPM-Solver++(2M) (Lu et al.
2022), which draws nothing. The starting noise of an image comes from a stream named by (seed, label, index), whatever
the guidance: images do not depend on their batch, but for the order of sums (rarely one grey level), and are pairs
across guidance scales.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from weightscape import seeds
from weightscape.generate import denoiser
from weightscape.generate.denoiser import SHAPE
from weightscape.generate.model_settings import ModelSettings
from weightscape.generate.settings import Ddpm

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler


@dataclass(frozen=True)
class Guided:
    """A trained model that is asked with one guidance; the label `hidden` stands for a hidden one."""

    model: nn.Module
    hidden: int
    guidance: float
    below: float  # time, of `denoiser.TIMES`, from which on guidance acts

    def estimate(self, grid: torch.Tensor, time: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """x_0 + g (x_c - x_0), or x_c at earlier times; guidance 0 and 1 need one pass instead of two.

        The time is on the host, which reads it.
        """
        hidden, at = torch.full_like(labels, self.hidden), time.to(grid.device, non_blocking=True)
        if self.guidance == 0:
            return denoiser.estimate(self.model, grid, at, hidden)
        if self.guidance == 1 or float(time) > self.below:
            return denoiser.estimate(self.model, grid, at, labels)
        both = denoiser.estimate(self.model, torch.cat([grid, grid]), at, torch.cat([labels, hidden]))
        conditional, free = both.chunk(2)
        return free + self.guidance * (conditional - free)


def batch_of(
    weights: Mapping[str, np.ndarray], source: Ddpm, classes: int, guidance: float, seed: int, device: str
) -> Callable[[Sequence[int], Sequence[int]], np.ndarray]:
    """The function from labels and indices to their images uint8 [n, c, h, w], drawn as one batch."""
    shape = [int(side) for side in weights[SHAPE]]
    below = source.sampling.guidance_below * denoiser.TIMES
    guided = Guided(_rebuilt(weights, source.model, classes, shape, device), classes, guidance, below)

    @torch.no_grad()
    def drawn(labels: Sequence[int], indices: Sequence[int]) -> np.ndarray:
        images = zip(labels, indices, strict=True)
        noise = torch.stack([_noise(shape, source.model.patch, seed, *image) for image in images]).to(device)
        grid = _denoised(guided, noise, torch.tensor(labels, device=device), _solver(source))
        return denoiser.to_images(grid, source.model)

    return drawn


def _rebuilt(
    weights: Mapping[str, np.ndarray], settings: ModelSettings, classes: int, shape: Sequence[int], device: str
) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        model = denoiser.network(settings, classes, shape, device)
    model.load_state_dict({name: torch.from_numpy(np.array(weights[name])) for name in model.state_dict()})
    return model.eval()


def _noise(shape: Sequence[int], patch: int, seed: int, label: int, index: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seeds.seed(seed, "ddpm", "noise", int(label), int(index)))
    return functional.pixel_unshuffle(torch.randn(tuple(shape), generator=stream), patch)


def _solver(source: Ddpm) -> "DPMSolverMultistepScheduler":
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    solver = DPMSolverMultistepScheduler(
        **denoiser.schedule(source.model), algorithm_type="dpmsolver++", solver_order=2, timestep_spacing="trailing"
    )
    with warnings.catch_warnings():
        # torch's tensors do not know the keyword `copy` that numpy 2 asks for; nothing depends on it here.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        solver.set_timesteps(source.sampling.sampler_steps)
    return solver


def _denoised(
    guided: Guided, noise: torch.Tensor, labels: torch.Tensor, solver: "DPMSolverMultistepScheduler"
) -> torch.Tensor:
    """The end of the probability flow that starts at `noise`."""
    grid = noise
    for time in solver.timesteps:
        clean = guided.estimate(grid, time, labels)
        grid = solver.step(clean, time, grid, return_dict=False)[0]  # pyright: ignore[reportArgumentType]
    return grid
