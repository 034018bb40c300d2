"""Builds the optimiser, its learning rate and arithmetic, and measures the weight decay of a step by replaying it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from weightscape.finetune.seen import DecaySeen
from weightscape.finetune.settings import TrainingSettings, WeightDecay
from weightscape.networks.building import head_name
from weightscape.networks.device import widest

ROUNDING = 1e-7  # of float32, on a tensor's relative change


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


def step_seen(model: nn.Module, optimizer: torch.optim.Optimizer, decay: WeightDecay, rate: float) -> DecaySeen:
    """One optimiser step at a learning rate, whose decay is measured against replays of the step.

    The replay with decay takes the condition's, and the tensors that the condition names: the optimiser's own groups
    are not asked.
    """
    parameters = list(model.parameters())
    asked = asked_to_decay(model, decay)
    before = [parameter.detach().clone() for parameter in parameters]
    plain = replayed(optimizer, {})
    both = zip(parameters, asked, strict=True)
    wanted = replayed(optimizer, {p: decay.decay for p, yes in both if yes}) if decay.coupled else {}
    optimizer.step()
    after = [parameter.detach() for parameter in parameters]
    without = [plain[parameter] for parameter in parameters]
    coupled = [wanted[parameter] for parameter in parameters] if wanted else after
    return replace(decay_of_step(before, after, without, coupled, asked), rate=rate)


def replayed(optimizer: torch.optim.Optimizer, coupled: Mapping[Tensor, float]) -> dict[Tensor, Tensor]:
    """Every weight after the coming step with no decay but the coupled one that is given: the same step on copies."""
    copies: dict[Tensor, Tensor] = {}
    kind: Any = type(optimizer)
    for group in optimizer.param_groups:
        replicas = {parameter: parameter.detach().clone() for parameter in group["params"]}
        for parameter, replica in replicas.items():
            decay = coupled.get(parameter, 0.0)
            replica.grad = parameter.grad if not decay or parameter.grad is None else parameter.grad + decay * replica
        replay = kind([{**group, "params": list(replicas.values()), "weight_decay": 0.0}])
        for parameter, replica in replicas.items():
            state = optimizer.state.get(parameter, {})
            replay.state[replica] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
        replay.step()
        copies |= replicas
    return copies


def asked_to_decay(model: nn.Module, decay: WeightDecay) -> list[bool]:
    """Of each parameter, whether the condition wants it to shrink; the optimiser's own groups are not asked."""
    prefix = f"{head_name(model)}." if hasattr(model, "default_cfg") else None
    wanted = []
    for name, parameter in model.named_parameters():
        in_head = prefix is not None and name.startswith(prefix)
        small = parameter.ndim == 1  # biases and normalisation
        wanted.append(decay.decay > 0 and (not small or decay.norms) and (not in_head or decay.head))
    return wanted


def decay_of_step(
    before: list[Tensor], after: list[Tensor], replayed: list[Tensor], wanted: list[Tensor], asked: list[bool]
) -> DecaySeen:
    """Measures how far the decay of one step moved each tensor, as a share of its norm.

    `replayed` is the step without decay, `wanted` with the coupled decay that was asked for; the error is taken as a
    share of what decay does to the tensor there.
    """
    misses = [_norm(left - right) for left, right in zip(after, wanted, strict=True)]
    effects = [_norm(left - right) for left, right in zip(wanted, replayed, strict=True)]
    moves = [_norm(left - right) for left, right in zip(after, replayed, strict=True)]
    sizes = [_norm(tensor) for tensor in before]
    shares = [move / size if size else float(move > 0) for move, size in zip(moves, sizes, strict=True)]
    shrinking = [share for share, size, decays in zip(shares, sizes, asked, strict=True) if decays and size]
    squares = [(move**2, size**2) for move, size, decays in zip(moves, sizes, asked, strict=True) if decays]
    total = sum(size for _, size in squares)
    errors = [
        miss / max(effect, 10 * ROUNDING * size)
        for miss, effect, size in zip(misses, effects, sizes, strict=True)
        if miss
    ]
    return DecaySeen(
        seen=(sum(move for move, _ in squares) / total) ** 0.5 if total else 0.0,
        least=min(shrinking, default=0.0),
        most=max(shrinking, default=0.0),
        elsewhere=max((share for share, decays in zip(shares, asked, strict=True) if not decays), default=0.0),
        error=max(errors, default=0.0),
    )


def _norm(tensor: Tensor) -> float:
    held = tensor if widest(tensor.device) is torch.float64 else tensor.cpu()
    return torch.linalg.vector_norm(held, dtype=torch.float64).item()
