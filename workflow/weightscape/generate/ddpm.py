"""DDPM: training of a class-conditional diffusion model; `sampler` draws its images.

Training minimises the mean squared error of the velocity (`denoiser`) at random times (Ho, Jain and Abbeel 2020), with
the label hidden in a share of the batch for classifier-free guidance (Ho and Salimans 2022). A step draws from a stream
named by (seed, step): on a CPU a resumed training is bit-identical to an uninterrupted one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from weightscape import seeds
from weightscape.errors import Stopped, UserError
from weightscape.formats.shards import ImageSet
from weightscape.generate import denoiser
from weightscape.generate.denoiser import SHAPE, TIMES
from weightscape.generate.model_settings import TrainGeneratorSettings, TrainingSettings, check_size
from weightscape.networks.checkpoint import Checkpoint
from weightscape.progress import Progress

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d import UNet2DModel
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from diffusers.training_utils import EMAModel

BETAS = (0.9, 0.99)  # a few hundred steps: the default second moment of .999 would remember the start
LARGEST_GRADIENT = 1.0  # Euclidean norm


@dataclass
class State:
    """The state that a step changes: the model, its optimiser, and the moving average of its weights."""

    model: "UNet2DModel"
    optimizer: torch.optim.AdamW
    average: "EMAModel"


@dataclass(frozen=True)
class Examples:
    """Training images as grids, and their labels; the label `hidden` stands for a hidden one."""

    grids: torch.Tensor
    labels: torch.Tensor
    hidden: int


def train(
    content: ImageSet,
    classes: int,
    settings: TrainGeneratorSettings,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
) -> dict[str, np.ndarray]:
    """Train on labelled images; the moving average of the weights and the image shape by name.

    The caller removes the checkpoint; a training that is asked to stop saves its state and raises `Stopped`.
    """
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    training, shape = settings.training, content.images.shape[1:]
    check_size(settings.model.patch, settings.model.channels, *shape[1:])
    grids = denoiser.to_grid(content.images, settings.model).to(device)
    examples = Examples(grids, torch.from_numpy(content.labels).to(device), classes)
    state = _start(settings, classes, shape[0], device)
    noising = DDPMScheduler(**denoiser.schedule(settings.model))
    first = checkpoint.resume(vars(state), device) if checkpoint else 0
    progress = Progress("train generator", training.steps)
    progress.resume(first)
    for step in range(first, training.steps):
        for group in state.optimizer.param_groups:
            group["lr"] = training.learning_rate * rate(training, step)
        loss = _loss(state.model, noising, examples, training, seeds.seed(settings.seed, "ddpm", "step", step))
        state.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), LARGEST_GRADIENT)
        state.optimizer.step()
        state.average.step(state.model.parameters())
        if checkpoint is not None:
            stop = checkpoint.stopped() and step + 1 < training.steps
            if stop or (checkpoint.due() and step + 1 < training.steps):
                checkpoint.save(step + 1, vars(state))
            if stop:
                raise Stopped
        progress.advance()
    state.average.copy_to(state.model.parameters())
    return _exported(state.model, shape)


def rate(settings: TrainingSettings, step: int) -> float:
    """The learning rate of a step over its peak: a linear rise, a plateau, and a linear fall to almost 0."""
    rise = (step + 1) / max(1.0, settings.warmup * settings.steps)
    fall = (settings.steps - step) / max(1.0, settings.decay * settings.steps)
    return min(1.0, rise, fall)


def _start(settings: TrainGeneratorSettings, classes: int, channels: int, device: str) -> State:
    from diffusers.training_utils import EMAModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed(settings.seed, "ddpm", "weights"))
        model = denoiser.network(settings.model, classes, channels, device)
    training = settings.training
    optimizer = torch.optim.AdamW(
        model.parameters(), training.learning_rate, betas=BETAS, weight_decay=training.weight_decay, fused=True
    )
    average = EMAModel(
        model.parameters(), decay=training.ema_decay, use_ema_warmup=True, power=training.ema_power, foreach=True
    )
    return State(model, optimizer, average)


def _loss(
    model: "UNet2DModel", noising: "DDPMScheduler", examples: Examples, settings: TrainingSettings, seed: int
) -> torch.Tensor:
    """Mean squared error of v on one batch, drawn on the CPU so that every device sees the same."""
    stream = torch.Generator().manual_seed(seed)
    size, device = settings.batch_size, examples.grids.device
    chosen = torch.randint(len(examples.grids), (size,), generator=stream).to(device)
    # One time from each of `size` equal intervals: the mean over the batch is less noisy than of free draws.
    fractions = (torch.randperm(size, generator=stream) + torch.rand(size, generator=stream)) / size
    times = (fractions * TIMES).long().clamp(max=TIMES - 1).to(device)
    hidden = (torch.rand(size, generator=stream) < settings.label_drop).to(device)
    clean = examples.grids[chosen]
    noise = torch.randn(clean.shape, generator=stream).to(device)
    shown = torch.where(hidden, examples.hidden, examples.labels[chosen])
    noisy = noising.add_noise(clean, noise, times)  # pyright: ignore[reportArgumentType]
    answer = denoiser.velocity(model, noisy, times, shown, settings.precision)
    truth = noising.get_velocity(clean, noise, times)  # pyright: ignore[reportArgumentType]
    return torch.nn.functional.mse_loss(answer, truth)


def _exported(model: "UNet2DModel", shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise UserError(f"training the generator diverged ({name} is not finite): lower its learning_rate")
    return weights | {SHAPE: np.array(shape, np.int64)}
