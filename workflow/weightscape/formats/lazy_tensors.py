"""Tensors by name that are read when they are asked for, as numpy arrays: of safetensors, in memory, and chosen ones.

Arrays of safetensors are read-only views of the file; bfloat16 is widened to float32, exactly, when it is asked for.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.tensors import TYPES, Entry, header


class Cut(Mapping[str, np.ndarray]):
    """Tensors by name in the order of `shapes`; `cut` makes the entries that are asked for."""

    shapes: Mapping[str, tuple[int, ...]]

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without making the others."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def __contains__(self, name: object) -> bool:
        return name in self.shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


class Safetensors(Cut):
    """The tensors of a safetensors file, in their order in it; each is read when it is asked for."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        entries = header(self.path)
        self._bytes = np.memmap(self.path, np.uint8, "r")
        self._entries = dict(sorted(entries.items(), key=lambda item: (item[1].first, item[1].last)))
        _check_apart(self.path, self._entries)
        self.shapes = {name: entry.shape for name, entry in self._entries.items()}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        entry = self._entries[name]
        if entry.dtype not in TYPES:  # measured as what is no plain number
            return np.broadcast_to(np.uint8(0), entry.shape)[index]
        array = self._bytes[entry.first : entry.last].view(TYPES[entry.dtype]).reshape(entry.shape)[index]
        if entry.dtype == "BF16":
            return _widened(array)
        return array.view(np.ndarray)


def _check_apart(path: Path, entries: Mapping[str, Entry]) -> None:
    """Refuse tensors that share bytes; `entries` are in order of their bytes."""
    end, before = 0, ""
    for name, entry in entries.items():
        if entry.first < end and entry.last > entry.first:
            raise UserError(f"{path} has tensors {before!r} and {name!r} on the same bytes: copy or download it again")
        if entry.last > end:
            end, before = entry.last, name


class LiveTensors(Cut):
    """Arrays and tensors of torch in memory, on any device, as numpy arrays; each is converted when it is asked for."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        self._tensors = tensors
        self.shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        tensor = self._tensors[name]
        if hasattr(tensor, "detach"):
            return _of_torch(name, tensor, index)
        array = np.asarray(np.ma.filled(tensor.astype(np.float64), np.nan) if np.ma.isMA(tensor) else tensor)[index]
        wide = {"bfloat16": np.float32, np.dtype(np.longdouble).name: np.float64}
        return array.astype(wide.get(array.dtype.name, array.dtype), copy=False)


def _of_torch(name: str, tensor: Any, index: Any) -> np.ndarray:
    """The entries on the CPU; bfloat16 is widened to float32, exactly."""
    import torch

    if tensor.is_meta:
        raise UserError(f"the tensor {name!r} is on the device `meta` and has no values: load the weights first")
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype.itemsize < 2:
        return np.broadcast_to(np.uint8(0), tuple(tensor.shape))[index]  # measured as what is no plain number
    chosen = tensor.detach()[index].cpu()
    wider = {torch.bfloat16: torch.float32, torch.complex32: torch.complex64}.get(chosen.dtype)  # which numpy lacks
    return (chosen.resolve_conj().resolve_neg() if wider is None else chosen.to(wider)).numpy()


def _widened(halves: np.ndarray) -> np.ndarray:
    """float32 of the bit patterns of bfloat16: their upper half."""
    wide = np.zeros((*halves.shape, 2), "<u2")
    wide[..., 1] = halves.view("<u2")
    return wide.view("<f4")[..., 0]


class Chosen(Cut):
    """Tensors of several files under names of their own; `notes` are sentences on what was chosen and what lacks.

    Of `slices` of a network they are one.
    """

    def __init__(self, sources: Mapping[str, tuple[Cut, str]], notes: tuple[str, ...] = (), slices: int = 1) -> None:
        self._sources = sources
        self.notes = notes
        self.slices = slices
        self.shapes = {name: tuple(source.shapes[inner]) for name, (source, inner) in sources.items()}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        source, inner = self._sources[name]
        return source.cut(inner, index)

    def origin(self, name: str) -> str:
        """The name of a tensor in its file."""
        return self._sources[name][1]


def with_arrays(tensors: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
    """The same as arrays, where it is a live state dict of torch."""
    is_torch = isinstance(tensors, dict) and any(hasattr(tensor, "detach") for tensor in tensors.values())
    return LiveTensors(tensors) if is_torch else tensors
