"""Files that are either whole or absent: temporary name beside the target, then rename.

Readers turn a truncated or foreign file into a `UserError` that names it.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightscape.errors import UserError

if TYPE_CHECKING:
    import numpy as np


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it if the block succeeds and removed if it fails."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _to_disk(temporary)
        temporary.replace(target)
    except OSError as error:
        raise _unwritable(target, error.strerror or error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unwritable(path: Path | str, reason: object) -> UserError:
    return UserError(f"{path} cannot be written ({reason}): free space or allow writing there, then resume")


def _to_disk(path: Path) -> None:
    """Flush the file before its rename, so that a power cut cannot leave the new name on old blocks."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path | str) -> str:
    """Hexadecimal sha256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests(folder: Path, files: Iterable[Path | str]) -> dict[str, str]:
    """sha256 of files by their path below `folder`; two are read at a time, since hashing leaves Python's lock."""
    paths = sorted(map(Path, files))
    with ThreadPoolExecutor(2) as two:
        found = two.map(sha256, paths)
        return {os.fspath(path.relative_to(folder)): value for path, value in zip(paths, found, strict=True)}


def digest(value: object) -> str:
    """Hexadecimal sha256 of a JSON-like value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()


def write_json(path: Path | str, value: object) -> None:
    """Write a JSON file; NaN is refused, so that readers in every language agree (use None)."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): delete it and run its stage again") from None


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file of the project's own, by the compiled parser where there is one (ten times as fast)."""
    import yaml

    return yaml.load(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_users_yaml(path: Path, name: str, loader: Any = None) -> Any:
    """Read a YAML file that a person wrote, safely; `name` says what to name instead of one that cannot be read."""
    import yaml

    try:
        return yaml.load(path.read_text(), loader or yaml.SafeLoader)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name {name}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{path} is not valid YAML ({' '.join(str(error).split())}): mend it") from None


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


def write_table(path: Path | str, table: Any) -> None:
    """Write a table by its ending: .parquet, or .csv (17 significant digits, so that it reads back equal)."""
    path = Path(path)
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        elif path.suffix == ".csv":
            table.to_csv(temporary, index=False)
        else:
            raise UserError(f"{path} must end in .parquet or .csv, not in {path.suffix!r}")


def read_columns(path: Path | str) -> "dict[str, np.ndarray]":
    """Read a parquet table as arrays by column, without pandas, whose import takes half a second."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        raise UserError(f"{path} is not a whole parquet table ({error}): delete it and make it again") from None
    return {name: _values(table[name]) for name in table.column_names}


def _values(column: Any) -> "np.ndarray":
    """A column as an array: its buffers where it is of numbers without gaps, for pyarrow's own way imports pandas."""
    import numpy as np
    import pyarrow

    kind, chunks = column.type, column.chunks
    plain = pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)
    if not plain or column.null_count:
        return np.array(column.to_pylist(), dtype=object if pyarrow.types.is_string(kind) else None)
    parts = [np.frombuffer(c.buffers()[1], kind.to_pandas_dtype())[c.offset : c.offset + len(c)] for c in chunks]
    return np.concatenate([np.empty(0, kind.to_pandas_dtype()), *parts])


def write_rows(path: Path | str, rows: list[dict[str, Any]]) -> None:
    """Write rows as a parquet table, without pandas."""
    import pyarrow
    import pyarrow.parquet

    with replacing(path) as temporary:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temporary)


def read_table(path: Path | str, columns: list[str] | None = None) -> Any:
    """Read a parquet table."""
    import pandas as pd

    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except Exception as error:  # pandas and pyarrow raise errors of many kinds at broken bytes
        raise UserError(f"{path} is not a whole parquet table ({error}): delete it and make it again") from None


def files_below(folder: Path, dangling: bool = False) -> Iterator[Path]:
    """Every file below a folder, through links; folders that cannot be read are left out, and links to nothing
    unless `dangling`. A link to a folder that it lies in is not followed.
    """
    return _walk(folder, dangling, (os.path.realpath(folder),))


def _walk(folder: Path, dangling: bool, above: tuple[str, ...]) -> Iterator[Path]:
    """The files below a folder; `above` are the real paths of it and of the folders on the way to it."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            real = os.path.realpath(entry.path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
            if real not in above:
                yield from _walk(Path(entry.path), dangling, (*above, real))
        elif dangling or entry.is_file():
            yield Path(entry.path)
