"""What the files of one's own hold, that a config names: a digest of their bytes, which makes stale what reads them.

Snakemake would have to read them for every plan. So the digest of a file or folder is kept in the cache folder, beside
the names, sizes and times that it was taken of, and taken again only when one of these changes.
"""

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from weightscape import cache
from weightscape.errors import UserError
from weightscape.files import digest, read_json, sha256, write_json


@functools.cache
def content(path: str, apart: str = "") -> str:
    """Digest of a file, or of all files below a folder with their names.

    What is called `apart`, or begins so with a dash, is left out at the folder's top: `ood` for a training set, so
    that a further OOD set (a folder in ood/, or ood-NAME.images.npy) leaves it as it is.
    """
    root = Path(path)
    found = [root] if root.is_file() else list(_below(root, apart))
    states = [(str(file.relative_to(root)), *_state(file)) for file in found]
    seen, key = digest(states), digest([str(root.resolve()), apart])
    known = _known()
    if known.get(key, [None])[0] != seen:
        lines = (f"{file.relative_to(root)} {sha256(file) if file.is_file() else 'no file'}" for file in found)
        known[key] = [seen, hashlib.sha256("\n".join(lines).encode()).hexdigest()]
        with contextlib.suppress(UserError):
            write_json(_store(), known)
    return known[key][1]


def _state(file: Path) -> tuple[int, int]:
    """Size and time of a file; a link to nothing has neither."""
    try:
        state = file.stat()
    except OSError:
        return -1, -1
    return state.st_size, state.st_mtime_ns


def _below(root: Path, apart: str) -> Iterable[Path]:
    for top, folders, names in os.walk(root):
        if apart and Path(top) == root:
            folders[:], names = (
                [name for name in part if name != apart and not name.startswith(f"{apart}-")]
                for part in (folders, names)
            )
        folders.sort()
        yield from (Path(top, name) for name in sorted(names))


def _store() -> Path:
    return cache.folder() / "contents.json"


def _known() -> dict[str, list[str]]:
    try:
        known = read_json(_store())
    except (UserError, OSError):
        return {}
    return known if isinstance(known, dict) else {}
