"""Measures the weight decay of a step and replays the step without it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightscape.finetune.seen import DecaySeen
from weightscape.finetune.settings import WeightDecay
from weightscape.networks.building import head_name


def replayed(optimizer: torch.optim.Optimizer, coupled: Mapping[Tensor, float]) -> dict[Tensor, Tensor]:
    """Every weight after the coming step with no decay but the coupled one that is given: the same step on copies."""
    copies: dict[Tensor, Tensor] = {}
    kind: Any = type(optimizer)
    for group in optimizer.param_groups:
        own = {parameter: parameter.detach().clone() for parameter in group["params"]}
        for parameter, copy in own.items():
            decay = coupled.get(parameter, 0.0)
            copy.grad = parameter.grad if not decay or parameter.grad is None else parameter.grad + decay * copy
        replay = kind([{**group, "params": list(own.values()), "weight_decay": 0.0}])
        for parameter, copy in own.items():
            state = optimizer.state.get(parameter, {})
            replay.state[copy] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
        replay.step()
        copies |= own
    return copies


ROUNDING = 1e-7
"""Of float32, on a tensor's relative change."""


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
    return tensor.double().square().sum().item() ** 0.5
