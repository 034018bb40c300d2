"""Digests of the user's files that the config names, so that a stage reruns when their content changes.

Reading them for every plan would take too long. So the digest of a file or folder is kept in the cache folder, beside
the names, sizes and times that it was taken of, and taken again only when one of these changes.
"""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from weightscape.formats import cache
from weightscape.formats.json_yaml import Remembered
from weightscape.formats.writing import digest, files_below, sha256


@functools.cache
def content(path: str, apart: str = "") -> str:
    """Digest of a file, or of all files below a folder with their names.

    Leaves out what is called `apart` at the folder's top, or begins with it and a dash. `ood` for a training set keeps
    its digest as it is when an OOD set is added (a folder in ood/, or ood-NAME.images.npy).
    """
    root = Path(path)
    return content_of(root, [root] if root.is_file() else sorted(_below(root, apart)), apart)


def content_of(root: Path, files: Sequence[Path], name: str) -> str:
    """Digest of the files' contents and relative paths; `name` distinguishes several selections below one root."""
    places = [str(file.relative_to(root)) if file.is_relative_to(root) else str(file) for file in files]
    states = [(place, *_state(file)) for place, file in zip(places, files, strict=True)]
    seen, key = digest(states), digest([str(root.resolve()), name])
    remembered = Remembered(cache.folder() / "contents.json")
    if remembered.answers.get(key, [None])[0] != seen:
        digests = (sha256(file) if file.is_file() else "no file" for file in files)
        lines = (f"{place} {found}" for place, found in zip(places, digests, strict=True))
        remembered.answers[key] = [seen, hashlib.sha256("\n".join(lines).encode()).hexdigest()]
        remembered.keep()
    return remembered.answers[key][1]


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
