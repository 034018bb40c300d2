"""Tensors by name that are read when they are asked for, as numpy arrays: of safetensors, of torch, and chosen ones.

Arrays of safetensors are read-only views of the file; bfloat16 is widened to float32, exactly, when it is asked for.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.tensors import TYPES, Entry, header

if TYPE_CHECKING:
    import torch


class Lazy(Protocol):
    """Tensors by name, whose shapes are known before they are read."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]: ...
    def cut(self, name: str, index: Any) -> np.ndarray: ...
    def __iter__(self) -> Iterator[str]: ...


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


class Chosen(Mapping[str, np.ndarray]):
    """Tensors of several files under names of their own; `notes` are sentences on what was chosen and what lacks."""

    def __init__(self, sources: Mapping[str, tuple[Lazy, str]], notes: tuple[str, ...] = ()) -> None:
        self._sources = sources
        self.notes = notes
        self.shapes = {name: tuple(source.shapes[inner]) for name, (source, inner) in sources.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.cut(name, ...)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        source, inner = self._sources[name]
        return source.cut(inner, index)

    def origin(self, name: str) -> str:
        """The name of a tensor in its file."""
        return self._sources[name][1]

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


def with_arrays(tensors: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
    """The same as arrays, where it is a live state dict of torch."""
    is_torch = isinstance(tensors, dict) and any(hasattr(tensor, "detach") for tensor in tensors.values())
    return TorchState(tensors) if is_torch else tensors
