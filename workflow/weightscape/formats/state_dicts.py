"""State dicts from files, as numpy arrays: safetensors memory-mapped without torch, `.pt` and `.pth` through torch.

Arrays of safetensors are read-only views of the file; bfloat16 is widened to float32, exactly, when it is asked for.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.tensors import TYPES, Entry, header, is_text

if TYPE_CHECKING:
    import torch

_MOST_REPEATED = 10**8  # entries of a tensor that may be a view of fewer stored ones
_NESTS = ("state_dict", "model_state_dict", "model", "module")


class Safetensors(Mapping[str, np.ndarray]):
    """The tensors of a safetensors file, in their order in it; each is read when it is asked for."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        entries = header(self.path)
        self._bytes = np.memmap(self.path, np.uint8, "r")
        self._entries = dict(sorted(entries.items(), key=lambda item: (item[1].first, item[1].last)))
        _check_apart(self.path, self._entries)
        self.shapes = {name: entry.shape for name, entry in self._entries.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        entry = self._entries[name]
        if entry.dtype not in TYPES:  # measured as what is no plain number
            return np.broadcast_to(np.uint8(0), entry.shape)[index]
        array = self._bytes[entry.first : entry.last].view(TYPES[entry.dtype]).reshape(entry.shape)[index]
        if entry.dtype == "BF16":
            return _widened(array)
        return array.view(np.ndarray)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _check_apart(path: Path, entries: Mapping[str, Entry]) -> None:
    """Refuse tensors that share bytes; `entries` are in order of their bytes."""
    end, before = 0, ""
    for name, entry in entries.items():
        if entry.first < end and entry.last > entry.first:
            raise UserError(f"{path} has tensors {before!r} and {name!r} on the same bytes: copy or download it again")
        if entry.last > end:
            end, before = entry.last, name


def open_checkpoint(path: Path | str) -> Mapping[str, np.ndarray]:
    """The state dict in a file, by its ending."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file: give a .safetensors, .pt or .pth state dict")
    if path.suffix == ".safetensors":
        return Safetensors(path)
    if path.suffix in (".pt", ".pth", ".bin"):
        return _torch_state(path)
    raise UserError(f"{path} ends in {path.suffix!r}: give a .safetensors, .pt or .pth state dict")


def _torch_state(path: Path) -> "TorchState":
    """A state dict written by torch, memory-mapped where its format allows; only weights are unpickled."""
    import zipfile

    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch's readers raise errors of many kinds at broken bytes
        reason = (re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() or [type(error).__name__])[0].split(". ")[0]
        raise UserError(f"{path} is not a whole file of weights alone ({reason}): save model.state_dict()") from None
    for nest in _NESTS:
        if isinstance(loaded, dict) and isinstance(loaded.get(nest), dict):
            loaded = loaded[nest]
    items = loaded.items() if isinstance(loaded, dict) else ()
    tensors = {name: value for name, value in items if isinstance(value, torch.Tensor) and is_text(name)}
    if not tensors:
        raise UserError(f"{path} holds no tensors by name: save model.state_dict()")
    for name, tensor in tensors.items():
        if tensor.numel() > _MOST_REPEATED and tensor.layout == torch.strided and tensor.is_cpu:
            stored = tensor.untyped_storage().nbytes() // tensor.element_size()
            if tensor.numel() > stored:
                shape = list(tensor.shape)
                raise UserError(f"{path} repeats {stored} numbers as tensor {name!r} {shape}: save it whole")
    return TorchState(tensors)


class TorchState(Mapping[str, np.ndarray]):
    """Tensors of torch as arrays; each is converted when it is asked for."""

    def __init__(self, tensors: "Mapping[str, torch.Tensor]") -> None:
        self._tensors = tensors
        self.shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        return _array(self._tensors[name], index)

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def _array(tensor: Any, index: Any) -> np.ndarray:
    import torch

    try:
        if tensor.dtype == torch.bfloat16:
            return _widened(tensor.detach().view(torch.int16).numpy()[index])
        return tensor.detach().numpy()[index]
    except (TypeError, RuntimeError):  # float8, sparse and the like: measured as what is no plain number
        return np.broadcast_to(np.uint8(0), tuple(tensor.shape))[index]


def _widened(halves: np.ndarray) -> np.ndarray:
    """float32 of the bit patterns of bfloat16: their upper half."""
    wide = np.zeros((*halves.shape, 2), "<u2")
    wide[..., 1] = halves.view("<u2")
    return wide.view("<f4")[..., 0]
