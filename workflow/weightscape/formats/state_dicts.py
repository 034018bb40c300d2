"""State dicts from files, as numpy arrays: safetensors memory-mapped without torch, `.pt` and `.pth` through
torch.

safetensors: 8 bytes with the length of a JSON header, the header with dtype, shape and byte range of each
tensor, then the bytes. Arrays are read-only views of the file; bfloat16 is widened to float32, exactly, when
it is asked for.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
    "F8_E4M3": "u1", "F8_E5M2": "u1", "C64": "<c8",
}  # fmt: skip
_LONGEST_HEADER = 100_000_000  # bytes, the limit of the format
_MOST_SIDES = 32  # of an array in numpy
_MOST_REPEATED = 10**8  # entries of a tensor that may be a view of fewer stored ones
_NESTS = ("state_dict", "model_state_dict", "model", "module")


class Safetensors(Mapping[str, np.ndarray]):
    """The tensors of a safetensors file, in their order in it; each is read when it is asked for."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        header, start = _header(self.path)
        empty = self.path.stat().st_size <= start  # which cannot be mapped
        self._bytes = np.empty(0, np.uint8) if empty else np.memmap(self.path, np.uint8, "r", offset=start)
        for name, entry in header.items():
            _check_entry(self.path, name, entry, len(self._bytes))
        self._entries = dict(sorted(header.items(), key=lambda item: item[1]["data_offsets"]))
        _check_apart(self.path, self._entries)
        self.shapes = {name: tuple(entry["shape"]) for name, entry in self._entries.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        entry = self._entries[name]
        if entry["dtype"] not in _TYPES:  # measured as what is no plain number
            return np.broadcast_to(np.uint8(0), entry["shape"])[index]
        first, last = entry["data_offsets"]
        array = self._bytes[first:last].view(_TYPES[entry["dtype"]]).reshape(entry["shape"])[index]
        if entry["dtype"] == "BF16":
            return _widened(array)
        return array.view(np.ndarray)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The entries of the tensors, and where their bytes start."""
    with path.open("rb") as stream:
        prefix = stream.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or length > _LONGEST_HEADER:
            raise UserError(f"{path} is not a safetensors file: give a .safetensors, .pt or .pth state dict")
        text = stream.read(length)
    if len(text) < length:
        raise UserError(f"{path} is truncated within its header: copy or download it again")
    try:
        header = dict(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        raise UserError(f"{path} is not a safetensors file (its header is not JSON): give another") from None
    header.pop("__metadata__", None)
    return header, 8 + length


def _check_entry(path: Path, name: str, entry: Any, available: int) -> None:
    try:
        dtype, shape, (first, last) = entry["dtype"], entry["shape"], entry["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in [*shape, first, last])
    except (TypeError, KeyError, ValueError):
        whole, dtype, shape, first, last = False, "", [], 0, 0
    if not whole or not isinstance(dtype, str) or len(shape) > _MOST_SIDES:
        raise UserError(f"{path} has a broken entry for tensor {name!r}: copy or download it again")
    absurd = math.prod(shape) > 8 * (last - first) or max(shape, default=0) >= 2**62  # no entry takes less than a bit
    if absurd or last < first or not _is_text(name):
        raise UserError(f"{path} has a broken entry for tensor {name!r}: copy or download it again")
    if last > available:
        raise UserError(f"{path} is truncated: tensor {name!r} ends at byte {last}, the file has {available}")
    if dtype in _TYPES and last - first != np.dtype(_TYPES[dtype]).itemsize * math.prod(shape):
        raise UserError(f"tensor {name!r} of {path} has {last - first} bytes, not those of {dtype} {shape}")


def _check_apart(path: Path, entries: Mapping[str, Any]) -> None:
    """Refuse tensors that share bytes; `entries` are in order of their offsets."""
    end, before = 0, ""
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        if first < end and last > first:
            raise UserError(f"{path} has tensors {before!r} and {name!r} on the same bytes: copy or download it again")
        if last > end:
            end, before = last, name


def _is_text(name: object) -> bool:
    """Whether a tensor's name can be written: no lone half of a surrogate pair."""
    return isinstance(name, str) and not any("\ud800" <= letter <= "\udfff" for letter in name)


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
    tensors = {name: value for name, value in items if isinstance(value, torch.Tensor) and _is_text(name)}
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

    def __init__(self, tensors: Mapping[str, Any]) -> None:
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
