"""Reads and writes safetensors files, whole or not at all.

A file has 8 bytes with the length of a JSON header, the header with type, shape and byte range of each tensor, then
the bytes.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightscape.errors import UserError
from weightscape.formats.writing import _unwritable, replacing

if TYPE_CHECKING:
    import numpy as np

TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
    "F8_E4M3": "u1", "F8_E5M2": "u1", "C64": "<c8",
}  # fmt: skip
"""The types of the format whose entries take whole bytes, as numpy reads them."""
_LONGEST_HEADER = 100_000_000  # bytes, the limit of the format
_MOST_SIDES = 32  # of an array in numpy


@dataclass(frozen=True)
class Entry:
    """A tensor in a file: its type by the format's name, its shape, and the bytes of the file that it takes."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int


def header(path: Path | str) -> dict[str, Entry]:
    """The tensors of a safetensors file by name, without their bytes; refuses a file that is broken or not whole."""
    try:
        with Path(path).open("rb") as stream:
            start = 8 + int.from_bytes(stream.read(8), "little")
            if not 8 < start <= 8 + _LONGEST_HEADER:
                raise ValueError("it has no header")
            text = stream.read(start - 8)
            available = stream.seek(0, 2) - start
        if available < 0:
            raise ValueError("it is truncated within its header")
        return {name: _entry(name, entry, start, available) for name, entry in _blocks(text).items()}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (OSError, ValueError) as error:
        reason = f"{path} is not a whole safetensors file ({error})"
        raise UserError(f"{reason}: delete it, and make, copy or download it again") from None


def _blocks(text: bytes) -> dict[str, object]:
    try:
        blocks = json.loads(text, object_pairs_hook=_once)
        blocks.pop("__metadata__", None)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError("its header is not JSON, or names a tensor twice") from None
    return blocks


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError
    return found


def _entry(name: str, block: Any, start: int, available: int) -> Entry:
    """The entry of a tensor; `available` bytes come after the header, which ends at byte `start`."""
    broken = ValueError(f"it has a broken entry for tensor {name!r}")
    try:
        dtype, shape, (first, last) = block["dtype"], block["shape"], block["data_offsets"]
        numbers = [*shape, first, last]
    except (TypeError, KeyError, ValueError):
        raise broken from None
    if not isinstance(dtype, str) or any(type(number) is not int or number < 0 for number in numbers):
        raise broken
    absurd = math.prod(shape) > 8 * (last - first) or max(shape, default=0) >= 2**62  # no entry takes less than a bit
    if absurd or last < first or len(shape) > _MOST_SIDES or not is_text(name):
        raise broken
    if last > available:
        raise ValueError(f"it is truncated: tensor {name!r} ends at byte {last}, the file has {available}")
    if dtype in TYPES and last - first != _size(dtype) * math.prod(shape):
        raise ValueError(f"tensor {name!r} has {last - first} bytes, not those of {dtype} {shape}")
    return Entry(dtype, tuple(shape), start + first, start + last)


def _size(dtype: str) -> int:
    """Bytes of one number."""
    import numpy as np

    return np.dtype(TYPES[dtype]).itemsize


def is_text(name: object) -> bool:
    """Whether a tensor's name can be written: no lone half of a surrogate pair."""
    return isinstance(name, str) and not any("\ud800" <= letter <= "\udfff" for letter in name)


def write_tensors(
    path: Path | str, tensors: "Mapping[str, np.ndarray]", metadata: dict[str, str] | None = None
) -> None:
    """Write named numpy arrays as safetensors."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with replacing(path) as temporary:
        try:
            save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, temporary, metadata)
        except SafetensorError as error:
            raise _unwritable(path, error) from None


def read_tensors(path: Path | str) -> "dict[str, np.ndarray]":
    """Read a safetensors file as numpy arrays."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (SafetensorError, OSError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error}): delete it and make it again") from None
