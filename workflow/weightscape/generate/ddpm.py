"""DDPM: training of a class-conditional diffusion model; `sampler` draws its images.

Training minimises the squared error of the clean image (`denoiser`) over s_t^2, which is that of the velocity
e - x_0 of a rectified flow (Liu et al. 2022), at times whose s_t / a_t is lognormal (Karras et al. 2022), with
the label hidden in a share of the batch for classifier-free guidance (Ho and Salimans 2022). Weights between layers are
trained by `muon`, the embeddings, norms and biases by AdamW. A step draws from a stream
named by (seed, step): on a CPU a resumed training is bit-identical to an uninterrupted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from weightscape import seeds
from weightscape.errors import Stopped, UserError
from weightscape.formats.shards import ImageSet
from weightscape.generate import denoiser
from weightscape.generate.denoiser import SHAPE, TIMES
from weightscape.generate.filters import Continued
from weightscape.generate.model_settings import ModelSettings, TrainGeneratorSettings, TrainingSettings, check_size
from weightscape.generate.muon import Muon
from weightscape.networks.checkpoint import Checkpoint
from weightscape.progress import Progress

if TYPE_CHECKING:
    from diffusers.training_utils import EMAModel

BETAS = (0.9, 0.99)  # a few hundred steps: the default second moment of .999 would remember the start
OUTER = ("conv_in", "conv_out", "time_emb", "class_embedding")
"""Parts of the names of layers that meet pixels, times or labels: no maps between features of one scale."""
LARGEST_GRADIENT = 1.0  # Euclidean norm
LEAST_ERROR = 0.1  # s_t, or error of the filter, below which errors weigh no more: they no longer show


@dataclass
class State:
    """The state that a step changes: the model, its two optimisers, and the moving average of its weights."""

    model: nn.Module
    optimizer: torch.optim.AdamW
    matrices: Muon
    average: "EMAModel"


@dataclass(frozen=True)
class Examples:
    """Training images as grids, and their labels; the label `hidden` stands for a hidden one."""

    grids: torch.Tensor
    labels: torch.Tensor
    hidden: int


@dataclass(frozen=True)
class Noising:
    """The shares of image and noise at every time; the logarithms of noise over image, in float64 on the host."""

    image: torch.Tensor
    noise: torch.Tensor
    logs: torch.Tensor

    @classmethod
    def on(cls, device: torch.device | str, model: ModelSettings) -> "Noising":
        """The shares of a model's schedule, on the device that its grids are on."""
        image, noise = denoiser.scales(model)
        return cls(image.to(device), noise.to(device), (noise.double() / image.double()).log())

    def times(self, fractions: torch.Tensor, settings: TrainingSettings) -> torch.Tensor:
        """The times at which log(s_t / a_t) is normal, from uniform fractions; both on the host."""
        wanted = settings.noise_mean + settings.noise_spread * torch.special.ndtri(fractions.double())
        return torch.searchsorted(self.logs, wanted).clamp(max=TIMES - 1)

    def at(self, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both shares at the time of each image, to be multiplied with grids."""
        return self.image[times].view(-1, 1, 1, 1), self.noise[times].view(-1, 1, 1, 1)


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
    training, shape = settings.training, content.images.shape[1:]
    check_size(settings.model.patch, settings.model.channels, *shape[1:])
    grids = denoiser.to_grid(content.images, settings.model).to(device)
    examples = Examples(grids, torch.from_numpy(content.labels).to(device), classes)
    state = _start(settings, classes, shape, device)
    if isinstance(state.model, Continued):
        pictures = functional.pixel_shuffle(grids, settings.model.patch)
        state.model.filter.fit(pictures, seeds.seed(settings.seed, "ddpm", "filter"))
    noising = Noising.on(device, settings.model)
    first = checkpoint.resume(vars(state), device) if checkpoint else 0
    progress = Progress("train generator", training.steps)
    progress.resume(first)
    for step in range(first, training.steps):
        for optimizer, peak in ((state.optimizer, training.learning_rate), (state.matrices, training.matrix_rate)):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(training, step)
        loss = _loss(state.model, noising, examples, training, seeds.seed(settings.seed, "ddpm", "step", step))
        state.model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), LARGEST_GRADIENT)
        state.optimizer.step()
        state.matrices.step()
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


def _start(settings: TrainGeneratorSettings, classes: int, shape: Sequence[int], device: str) -> State:
    from diffusers.training_utils import EMAModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed(settings.seed, "ddpm", "weights"))
        model = denoiser.network(settings.model, classes, shape, device)
    training = settings.training
    named = dict(model.named_parameters())
    inner = [name for name, weight in named.items() if weight.ndim > 1 and not any(part in name for part in OUTER)]
    optimizer = torch.optim.AdamW(
        [weight for name, weight in named.items() if name not in inner],
        training.learning_rate,
        betas=BETAS,
        weight_decay=training.weight_decay,
        fused=True,
    )
    matrices = Muon((named[name] for name in inner), training.matrix_rate)
    average = EMAModel(
        model.parameters(), decay=training.ema_decay, use_ema_warmup=True, power=training.ema_power, foreach=True
    )
    return State(model, optimizer, matrices, average)


def _loss(
    model: nn.Module, noising: Noising, examples: Examples, settings: TrainingSettings, seed: int
) -> torch.Tensor:
    """Weighted squared error on one batch, drawn on the CPU so that every device sees the same."""
    stream = torch.Generator().manual_seed(seed)
    size, device = settings.batch_size, examples.grids.device
    chosen = torch.randint(len(examples.grids), (size,), generator=stream)
    # One time from each of `size` equal intervals: the mean over the batch is less noisy than of free draws.
    fractions = (torch.randperm(size, generator=stream) + torch.rand(size, generator=stream)) / size
    hidden = torch.rand(size, generator=stream) < settings.label_drop
    noise = torch.randn((size, *examples.grids.shape[1:]), generator=stream)
    drawn = (chosen, noising.times(fractions, settings), hidden, noise)
    chosen, times, hidden, noise = (draw.to(device, non_blocking=True) for draw in drawn)
    clean = examples.grids[chosen]
    shown = torch.where(hidden, examples.hidden, examples.labels[chosen])
    of_image, of_noise = noising.at(times)
    noisy = of_image * clean + of_noise * noise
    error = denoiser.estimate(model, noisy, times, shown, settings.precision) - clean
    unit = model.filter.errors(times) if isinstance(model, Continued) else of_noise
    return (error / unit.clamp(min=LEAST_ERROR)).square().mean()


def _exported(model: nn.Module, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise UserError(
                f"training the generator diverged ({name} is not finite): lower its learning_rate and matrix_rate"
            )
    return weights | {SHAPE: np.array(shape, np.int64)}
