"""Reads and writes safetensors files, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.errors import UserError
from weightscape.formats.writing import _unwritable, replacing

if TYPE_CHECKING:
    import numpy as np


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
