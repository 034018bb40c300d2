"""DDPM: training of a class-conditional diffusion model; `sampler` draws its images.

Training minimises the mean squared error of the velocity (`denoiser`) at random times (Ho, Jain and Abbeel
2020), with the label hidden in a share of the batch for classifier-free guidance (Ho and Salimans 2022),
and returns the moving average of the weights.

A step draws all its random numbers from a stream named by (seed, step), so that the step number is the
whole state of the randomness: on a CPU a training resumed from a checkpoint is bit-identical to an
uninterrupted one.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from weightscape import seeds
from weightscape.errors import UserError
from weightscape.formats.tensors import write_tensors
from weightscape.generate import denoiser, image_sizes
from weightscape.generate.denoiser import SHAPE, TIMES, DDPMSettings

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d import UNet2DModel
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    from diffusers.training_utils import EMAModel

    from weightscape.progress import Progress

BETAS = (0.9, 0.99)  # a few hundred steps: the default second moment of .999 would remember the start
LARGEST_GRADIENT = 1.0  # Euclidean norm


def train(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: DDPMSettings,
    seed: int,
    device: str = "cpu",
    progress: "Progress | None" = None,
    checkpoint: Path | None = None,
    identity: str = "",
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, np.ndarray]:
    """Train on uint8 images [n, c, h, w] and int64 labels [n]; averaged weights and the image shape by name.

    A checkpoint of the same `identity` is continued; the caller removes it when the weights are safe. When `stopped`
    answers yes, the state is saved and the program ends.
    """
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    image_sizes.check(settings.patch, settings.channels, *images.shape[2:])
    grids, targets = denoiser.to_grid(images, settings).to(device), torch.from_numpy(labels).to(device)
    model, optimizer, average = _start(settings, classes, images.shape[1], seed, device)
    noising = DDPMScheduler(**denoiser.schedule(settings))
    first = _restore(checkpoint, identity, model, optimizer, average)
    if progress is not None:
        progress.resume(first)
    for step in range(first, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate(settings, step)
        loss = _loss(model, noising, grids, targets, classes, settings, seeds.seed(seed, "ddpm", "step", step))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
        optimizer.step()
        average.step(model.parameters())
        stop = stopped()
        if checkpoint is not None and (stop or (step + 1) % settings.checkpoint_every == 0):
            _save(checkpoint, identity, step + 1, model, optimizer, average)
        if stop:
            sys.exit(143)
        if progress is not None:
            progress.advance()
    average.copy_to(model.parameters())
    return _exported(model, images.shape[1:])


def rate(settings: DDPMSettings, step: int) -> float:
    """The learning rate of a step over its peak: a linear rise, a plateau, and a linear fall to almost 0."""
    rise = (step + 1) / max(1.0, settings.warmup * settings.steps)
    fall = (settings.steps - step) / max(1.0, settings.decay * settings.steps)
    return min(1.0, rise, fall)


def _start(
    settings: DDPMSettings, classes: int, channels: int, seed: int, device: str
) -> "tuple[UNet2DModel, torch.optim.AdamW, EMAModel]":
    from diffusers.training_utils import EMAModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed(seed, "ddpm", "weights"))
        model = denoiser.network(settings, classes, channels, device)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        settings.learning_rate,
        betas=BETAS,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    average = EMAModel(
        model.parameters(),
        decay=settings.ema_decay,
        use_ema_warmup=True,
        power=settings.ema_power,
        foreach=True,
    )
    return model, optimizer, average


def _loss(
    model: "UNet2DModel",
    noising: "DDPMScheduler",
    grids: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    settings: DDPMSettings,
    seed: int,
) -> torch.Tensor:
    """Mean squared error of v on one batch, drawn on the CPU so that every device sees the same."""
    stream = torch.Generator().manual_seed(seed)
    size, device = settings.batch_size, grids.device
    chosen = torch.randint(len(grids), (size,), generator=stream).to(device)
    # One time from each of `size` equal intervals: the mean over the batch is less noisy than of free draws.
    fractions = (torch.randperm(size, generator=stream) + torch.rand(size, generator=stream)) / size
    times = (fractions * TIMES).long().clamp(max=TIMES - 1).to(device)
    hidden = (torch.rand(size, generator=stream) < settings.label_drop).to(device)
    clean = grids[chosen]
    noise = torch.randn(clean.shape, generator=stream).to(device)
    shown = torch.where(hidden, classes, labels[chosen])
    noisy = noising.add_noise(clean, noise, times)  # pyright: ignore[reportArgumentType]
    answer = denoiser.velocity(model, noisy, times, shown, settings)
    truth = noising.get_velocity(clean, noise, times)  # pyright: ignore[reportArgumentType]
    return torch.nn.functional.mse_loss(answer, truth)


def _save(
    path: Path,
    identity: str,
    step: int,
    model: "UNet2DModel",
    optimizer: torch.optim.AdamW,
    average: "EMAModel",
) -> None:
    """Everything that the next step reads: weights, their average, and AdamW's two moments."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, parameter in enumerate(model.parameters()):
        state = optimizer.state[parameter]
        tensors |= {f"first.{index}": state["exp_avg"], f"second.{index}": state["exp_avg_sq"]}
        tensors[f"average.{index}"] = average.shadow_params[index]
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    write_tensors(path, arrays, {"identity": identity, "step": str(step)})


def _restore(
    path: Path | None, identity: str, model: "UNet2DModel", optimizer: torch.optim.AdamW, average: "EMAModel"
) -> int:
    """Load the checkpoint if it is there and of this training; the number of steps that it holds."""
    step, tensors = _checkpoint(path, identity)
    if not tensors:
        return 0
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    count = torch.tensor(float(step))
    moments = {
        index: {
            "step": count.clone(),
            "exp_avg": tensors[f"first.{index}"],
            "exp_avg_sq": tensors[f"second.{index}"],
        }
        for index in range(len(average.shadow_params))
    }
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    for index, shadow in enumerate(average.shadow_params):
        shadow.copy_(tensors[f"average.{index}"])
    average.optimization_step = step
    print(f"checkpoint {path} continued at step {step}", flush=True)
    return step


def _checkpoint(path: Path | None, identity: str) -> tuple[int, dict[str, torch.Tensor]]:
    """Step and tensors of a checkpoint; (0, {}) with a printed reason where there is none to continue."""
    if path is None or not path.exists():
        return 0, {}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("identity") == identity:
                return int(metadata["step"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        print(f"checkpoint {path} is of other settings, data or code: ignored, training starts anew", flush=True)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        print(f"checkpoint {path} cannot be read ({error}): ignored, training starts anew", flush=True)
    return 0, {}


def _exported(model: "UNet2DModel", shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise UserError(f"training the generator diverged ({name} is not finite): lower its learning_rate")
    return weights | {SHAPE: np.array(shape, np.int64)}
