"""Files that are either whole or absent: temporary name beside the target, then rename.

Readers turn a truncated or foreign file into a `UserError` that names it.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weightscape.errors import UserError


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
