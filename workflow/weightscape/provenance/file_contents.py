"""What the files of one's own hold, that a config names: a digest of their bytes, which makes stale what reads them.

Snakemake would have to read them for every plan. So the digest of a file or folder is kept in the cache folder, beside
the names, sizes and times that it was taken of, and taken again only when one of these changes.
"""

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats import cache
from weightscape.formats.json_yaml import read_json, write_json
from weightscape.formats.writing import digest, files_below, sha256


@functools.cache
def content(path: str, apart: str = "") -> str:
    """Digest of a file, or of all files below a folder with their names.

    What is called `apart`, or begins so with a dash, is left out at the folder's top: `ood` for a training set, so
    that a further OOD set (a folder in ood/, or ood-NAME.images.npy) leaves it as it is.
    """
    root = Path(path)
    return content_of(root, [root] if root.is_file() else sorted(_below(root, apart)), apart)


def content_of(root: Path, files: Sequence[Path], name: str) -> str:
    """Digest of these files with their paths from `root`; `name` tells one choice of files there from another."""
    places = [str(file.relative_to(root)) if file.is_relative_to(root) else str(file) for file in files]
    states = [(place, *_state(file)) for place, file in zip(places, files, strict=True)]
    seen, key = digest(states), digest([str(root.resolve()), name])
    known = _known()
    if known.get(key, [None])[0] != seen:
        digests = (sha256(file) if file.is_file() else "no file" for file in files)
        lines = (f"{place} {found}" for place, found in zip(places, digests, strict=True))
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


def _below(root: Path, apart: str) -> Iterator[Path]:
    """Every file below a folder, through links, and links to nothing."""
    for file in files_below(root, dangling=True):
        top = file.relative_to(root).parts[0]
        if not apart or (top != apart and not top.startswith(f"{apart}-")):
            yield file


def _store() -> Path:
    return cache.folder() / "contents.json"


def _known() -> dict[str, list[str]]:
    try:
        known = read_json(_store())
    except (UserError, OSError):
        return {}
    return known if isinstance(known, dict) else {}
