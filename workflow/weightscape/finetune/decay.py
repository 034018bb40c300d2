"""Measures the weight decay of a step and replays the step without it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

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


DECAYS = ("decay_seen", "decay_least", "decay_most", "decay_elsewhere", "decay_error", "decay_rate")
ROUNDING = 1e-7
"""Of float32, on a tensor's relative change."""


def asked_to_decay(model: nn.Module, decay: Mapping[str, Any]) -> list[bool]:
    """Of each parameter, whether the condition wants it to shrink; the optimiser's own groups are not asked."""
    prefix = f"{head_name(model)}." if hasattr(model, "default_cfg") else None
    wanted = []
    for name, parameter in model.named_parameters():
        in_head = prefix is not None and name.startswith(prefix)
        small = parameter.ndim == 1  # biases and normalisation
        wanted.append(decay["decay"] > 0 and (not small or decay["norms"]) and (not in_head or decay["head"]))
    return wanted


def decay_of_step(
    before: list[Tensor], after: list[Tensor], replayed: list[Tensor], wanted: list[Tensor], asked: list[bool]
) -> dict[str, float]:
    """How far the decay of one step moved each tensor, as a share of its norm.

    `replayed` is the step without decay, `wanted` with the coupled decay that was asked for. `decay_seen` is over all
    tensors that should shrink, `decay_least` and `decay_most` the extremes among them, `decay_elsewhere` the largest of
    the others; `decay_error` the largest distance from `wanted`, as a share of what decay does to the tensor there.
    """
    errors = [_norm(one - other) for one, other in zip(after, wanted, strict=True)]
    effects = [_norm(one - other) for one, other in zip(wanted, replayed, strict=True)]
    moved = [_norm(one - other) for one, other in zip(after, replayed, strict=True)]
    sizes = [_norm(one) for one in before]
    shares = [part / size if size else float(part > 0) for part, size in zip(moved, sizes, strict=True)]
    own = [share for share, size, wanted in zip(shares, sizes, asked, strict=True) if wanted and size]
    others = [share for share, wanted in zip(shares, asked, strict=True) if not wanted]
    whole = [(part**2, size**2) for part, size, wanted in zip(moved, sizes, asked, strict=True) if wanted]
    total = sum(size for _, size in whole)
    return {
        "decay_seen": (sum(part for part, _ in whole) / total) ** 0.5 if total else 0.0,
        "decay_least": min(own, default=0.0),
        "decay_most": max(own, default=0.0),
        "decay_elsewhere": max(others, default=0.0),
        "decay_error": max(
            (
                e / max(effect, 10 * ROUNDING * size)
                for e, effect, size in zip(errors, effects, sizes, strict=True)
                if e
            ),
            default=0.0,
        ),
    }


def _norm(tensor: Tensor) -> float:
    return tensor.double().square().sum().item() ** 0.5
