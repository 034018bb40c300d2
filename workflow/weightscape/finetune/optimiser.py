"""Builds the optimiser, its learning rate and the arithmetic of a training step."""

import math

import torch
from torch import nn

from weightscape.finetune.settings import TrainingSettings, WeightDecay
from weightscape.networks.building import head_name


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """The rate at a step: `constant`, or `one_cycle` (cosine up from 1/25 over the share `rise`, cosine down to 0)."""
    peak, steps = settings.learning_rate, settings.steps
    if settings.schedule == "constant":
        return peak
    rise = settings.rise * steps
    if step < rise:
        return peak * (0.04 + 0.96 * (1 - math.cos(math.pi * step / rise)) / 2)
    return peak * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


def optimiser(model: nn.Module, settings: TrainingSettings, decay: WeightDecay) -> torch.optim.Optimizer:
    """AdamW (decoupled decay), Adam or SGD (coupled L2).

    The first group is decayed: matrices and filters, with `head` also the head's, with `norms` biases and
    normalisation too. SGD's momentum is the first of `betas`.
    """
    prefix = head_name(model) + "." if hasattr(model, "default_cfg") else "\0"
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        chosen = (parameter.ndim > 1 or decay.norms) and (decay.head or not name.startswith(prefix))
        (decayed if chosen else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": decay.decay}, {"params": others, "weight_decay": 0.0}]
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.betas[0], fused=fused)
    kind = torch.optim.Adam if decay.coupled else torch.optim.AdamW
    return kind(groups, lr=settings.learning_rate, betas=(settings.betas[0], settings.betas[1]), fused=fused)


def precision_on(device: torch.device, choice: str) -> str:
    """The precision to train in; `auto` is the narrow one that the device's own units compute, or else float32.

    Of NVIDIA's GPUs, bfloat16 from compute capability 8.0 (Ampere) on and float16 from 7.0 (Volta) on. No CPU:
    there, autocast gains on few models and costs on most.
    """
    if choice != "auto":
        return choice
    if device.type != "cuda":
        return "float32"
    major, _ = torch.cuda.get_device_capability(device)
    return "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"


def arithmetic(device: torch.device, precision: str) -> torch.autocast:
    """Autocast to `bfloat16` or `float16`; `float32` leaves all as it is."""
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    return torch.autocast(device.type, dtype=None if precision == "float32" else kind, enabled=precision != "float32")
