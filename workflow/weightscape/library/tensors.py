"""A network in any form that people have as named arrays: a path, a module or state dict of torch, arrays by name."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError

PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""
NESTS = ("state_dict", "model_state_dict", "model", "module")
"""Keys below which checkpoints keep a state dict."""

Network = Any
"""A path, a torch module (on any device), a mapping of names to arrays or tensors, or one matrix."""


def tensors_of(network: Network) -> Mapping[str, np.ndarray]:
    """The named arrays of a network; tensors of torch are read, and brought from their device, one by one."""
    if isinstance(network, str | os.PathLike):
        from weightscape.formats.state_dicts import open_checkpoint

        return open_checkpoint(Path(network).expanduser())
    if callable(getattr(network, "state_dict", None)):
        network = network.state_dict()
    if not isinstance(network, Mapping) and _is_array(network) and len(network.shape) >= 2:
        network = {"weight": network}
    if not isinstance(network, Mapping):
        raise UserError(
            f"a network cannot be a {type(network).__name__}: give a path, a torch module, a state dict, or one matrix"
        )
    for key in NESTS:
        if isinstance(network.get(key), Mapping):
            network = network[key]
    arrays = {name: value for name, value in network.items() if isinstance(name, str) and _is_array(value)}
    if not arrays:
        raise UserError("the mapping holds no arrays by name: give model.state_dict(), or arrays by their names")
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in arrays):
            arrays = {name.removeprefix(prefix): value for name, value in arrays.items()}
    return LiveTensors(arrays)


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


class LiveTensors(Mapping[str, np.ndarray]):
    """Arrays and tensors in memory as numpy arrays; each is converted when it is asked for."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = tensors
        self.shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        tensor = self._tensors[name]
        if type(tensor).__module__.partition(".")[0] == "torch":
            return _of_torch(name, tensor, index)
        array = np.asarray(tensor)[index]
        return array.astype(np.float32) if array.dtype.name == "bfloat16" else array

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _of_torch(name: str, tensor: Any, index: Any) -> np.ndarray:
    """The entries on the CPU; bfloat16 is widened to float32, exactly."""
    import torch

    if tensor.is_meta:
        raise UserError(f"the tensor {name!r} is on the device `meta` and has no values: load the weights first")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype.itemsize < 2:
        return np.broadcast_to(np.uint8(0), tuple(tensor.shape))[index]  # measured as what is no plain number
    chosen = tensor.detach()[index].cpu()
    return (chosen.float() if chosen.dtype == torch.bfloat16 else chosen.resolve_conj().resolve_neg()).numpy()
