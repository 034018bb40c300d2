"""Images and embeddings in any form that people have as one set: pixels uint8 [n, c, h, w], or rows [n, d].

A set is an array or tensor, a list of pictures (PIL), arrays or paths, a folder of image files, a .txt of their paths,
or a file of arrays (.npy, .npz, .safetensors). The library and the command `diversity` read all of them here.
Pictures that are not square, or of several sizes, count by their middle square, at the shorter side of the smallest or
half the middle one, whichever is larger.
"""

import contextlib
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from weightscape.errors import UserError
from weightscape.library.image_arrays import as_images, as_rows, in_memory

Result = TypeVar("Result")
GREY = ("1", "L", "I;16", "I")
"""Modes of pictures without colour."""
PIXEL_LIMIT = 178_956_970  # as Pillow's own
LARGEST_SIDE = 224  # px; to which pictures of several sizes, or larger ones, are brought
KINDS = ("images", "embeddings")
UNNAMED = ("x", "features", "data", "arr_0", "")
"""Names of an array that is images or embeddings by its form."""
SHOWN = 3
"""Images that cannot be read which a sentence names."""
FORMS = "a safetensors, .npz or .npy file, a folder of images, or a .txt of their paths"

ImageSet = Any
"""An array, a tensor, a list of pictures, arrays or paths, a folder, or a file."""


@dataclass(frozen=True)
class Loaded:
    """A set in one form: `images` uint8 [n, c, h, w], or `rows` float [n, d]; the other is None.

    `labels` are those of the file, or of a folder of class folders. `notes` tell what was converted, `left_out` what of
    a folder is no image, and `broken` its images that cannot be read. `paths` are those of the files of images.
    """

    images: np.ndarray | None = None
    rows: np.ndarray | None = None
    labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows if self.images is None else self.images)  # pyright: ignore[reportArgumentType]

    @property
    def kind(self) -> str:
        """`images` or `embeddings`."""
        return "embeddings" if self.images is None else "images"

    @property
    def form(self) -> tuple[int, ...]:
        """The shape of one image, or of one row."""
        return (self.rows if self.images is None else self.images).shape[1:]  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def unreadable(self) -> str:
        """A clause on the images that cannot be read; empty if all can."""
        return _unreadable(self.broken, len(self) + len(self.broken)) if self.broken else ""

    def said(self) -> list[str]:
        """Sentences on what was converted, and on what of a folder was left out."""
        lost = [*self.left_out, *([self.unreadable] if self.broken else [])]
        return [*self.notes, *(f"left out: {reason}" for reason in lost)]


def _unreadable(faults: Sequence[str], total: int) -> str:
    """A clause that counts the images which cannot be read, and names the first with their reasons."""
    more = f"; {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return f"{len(faults)} of {total} images cannot be read: {'; '.join(faults[:SHOWN])}{more}"


def whole(given: ImageSet, name: str) -> Loaded:
    """The set in one form without a loss: refuses images that cannot be read, and warns of files that are none."""
    found = loaded(given, name)
    if found.broken:
        raise UserError(f"{given}: {found.unreadable}: mend or remove them")
    for reason in found.left_out:
        warnings.warn(f"{given}: left out: {reason}", stacklevel=3)
    return found


def loaded(given: ImageSet, name: str = "images") -> Loaded:
    """The set in one form; `name` is that of the argument, for messages."""
    if isinstance(given, Loaded):
        return given
    if isinstance(given, str | os.PathLike):
        return _of_path(Path(given).expanduser())
    if hasattr(given, "shape"):
        return _of_array(in_memory(given), name)
    if not isinstance(given, Sequence):
        given = list(given) if hasattr(given, "__iter__") else given
    if not isinstance(given, Sequence) or not given:
        raise UserError(f"{name} holds no images: give an array, a list of pictures or paths, a folder or a file")
    if all(hasattr(item, "shape") for item in given):
        return _of_arrays([in_memory(item) for item in given], name)
    return Loaded(images=_of_pictures(given, name))


def _of_path(path: Path) -> Loaded:
    """The set in a folder, a file of arrays, a list of paths, or one image file."""
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: name {FORMS}")
    ending = path.suffix.lower()
    if ending == ".txt":
        return _of_list(path)
    if ending == ".safetensors":
        return _of_tensors(path)
    if ending in (".npy", ".npz"):
        return _of_numpy(path)
    from weightscape.data.image_folder import ENDINGS

    if ending not in ENDINGS:
        raise UserError(f"{path} is no set of images: name {FORMS}")
    return Loaded(images=_of_pictures([path], str(path)))


def _of_folder(folder: Path) -> Loaded:
    """All images below a folder, as the workflow finds them; labels by its folders if all images lie in some."""
    from weightscape.data.image_folder import LeftOut, files_of
    from weightscape.data.pools import unread

    others: LeftOut = {}
    broken: dict[int, str] = {}
    files = files_of(str(folder), others)
    images = _of_pictures(files, str(folder), broken)
    parts = [Path(file).relative_to(folder).parts for place, file in enumerate(files) if place not in broken]
    classes = sorted({part[0] for part in parts})
    labels = np.array([classes.index(part[0]) for part in parts], np.int64)
    return Loaded(
        images=images,
        labels=None if any(len(part) == 1 for part in parts) else labels,
        notes=(f"{len(images)} images of {images.shape[1]} channels and {images.shape[2]} px",),
        left_out=tuple(unread(others)),
        broken=tuple(broken[place] for place in sorted(broken)),
        paths=tuple(str(file) for place, file in enumerate(files) if place not in broken),
    )


def _of_list(path: Path) -> Loaded:
    """The images whose paths a text names by line, from its own folder; all must be there, as rows may be pairs."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text of UTF-8 ({error}): save it as such") from None
    if not lines:
        raise UserError(f"{path} names no images: write one path a line")
    paths = [path.parent / Path(line).expanduser() for line in lines]
    return Loaded(images=_of_pictures(paths, str(path)), paths=tuple(map(str, paths)))


def _of_tensors(path: Path) -> Loaded:
    from weightscape.formats.lazy_tensors import Safetensors

    try:
        tensors = Safetensors(path)
        return _of_named(path, tensors, tensors.__getitem__)
    except UserError as fault:
        text, found, _ = str(fault).partition(": delete it")
        raise UserError(f"{text}: name {FORMS}" if found else text) from None


def _of_numpy(path: Path) -> Loaded:
    """The arrays of a numpy file."""
    content = _readable(path, lambda: np.load(path, allow_pickle=False))
    if isinstance(content, np.ndarray):
        return _of_named(path, [""], lambda _: content)
    return _of_named(path, content.files, lambda name: _readable(path, lambda: content[name]))


def _readable(path: Path, read: Callable[[], Result]) -> Result:
    """Reads a part of a numpy file, with a sentence if it cannot be read."""
    try:
        return read()
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): save an array of numbers by numpy.save") from None


def _of_named(path: Path, names: Collection[str], read: Callable[[str], np.ndarray]) -> Loaded:
    """The array of images or embeddings among those of a file, and its labels; others are not read.

    Several arrays that all have numpy's names for those without one are a list of images.
    """
    if len(names) > 1 and all(name.startswith("arr_") for name in names):
        return _of_arrays([read(name) for name in names], str(path))
    others = [name for name in names if name != "labels"]
    kinds = [name for name in KINDS if name in names] or [name for name in UNNAMED if name in others]
    if len(kinds) != 1:
        held = ", ".join(sorted(names)[:9]) or "nothing"
        raise UserError(f"{path} holds {held}: it must hold either `images` or `embeddings`; name one of them so")
    found = _of_array(in_memory(read(kinds[0])), str(path), kinds[0])
    labels = np.asarray(read("labels")) if "labels" in names else None
    ignored = sorted(set(others) - set(kinds))
    notes = (f"{', '.join(ignored[:9])} of the file are not read",) if ignored else ()
    return replace(found, labels=labels, notes=found.notes + notes)


def _of_array(array: np.ndarray, name: str, kind: str = "") -> Loaded:
    """Rows of an array of two axes, or images; `kind` is the array's name, which may say what it is."""
    if kind == "embeddings" or (kind != "images" and array.ndim == 2):
        whole = not kind and array.dtype.kind in "iu"
        notes = (f"{array.dtype} {list(array.shape)} is read as embeddings, not as pixels",) if whole else ()
        return Loaded(rows=as_rows(array, name), notes=notes)
    images, notes = as_images(array, name)
    return Loaded(images=images, notes=tuple(notes))


def _of_arrays(arrays: list[np.ndarray], name: str) -> Loaded:
    """A list of arrays of one shape, each an image or a vector."""
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        one, other = sorted(shapes)[:2]
        raise UserError(f"{name} are of several shapes, as {list(one)} and {list(other)}: bring them to one size")
    return _of_array(np.stack(arrays), name)


def _of_pictures(items: Sequence[Any], name: str, broken: dict[int, str] | None = None) -> np.ndarray:
    """Pictures or paths as uint8 [n, c, h, w]; those that cannot be read go into `broken` by their place, if given."""
    from weightscape.data import decoding

    faults: dict[int, str] = {}
    known = _each(items, name, lambda picture: (picture.size, picture.mode), faults)
    if known:
        sides = [min(size) for size, _ in known.values()]
        side = max(min(sides), int(np.median(sides)) // 2)  # so that one tiny picture leaves something of the others
        channels = 1 if all(mode in GREY for _, mode in known.values()) else 3
        form = decoding.Form(min(side, LARGEST_SIDE), channels, PIXEL_LIMIT)
        kept = {place: items[place] for place in known}
        known = _each(kept, name, lambda picture: decoding.from_picture(picture, form), faults)
    if faults and (broken is None or not known):
        lost = _unreadable([faults[place] for place in sorted(faults)], len(items))
        raise UserError(f"{name}: {lost}: mend or remove them")
    if not known:
        raise UserError(f"{name} holds no image files that can be read: name {FORMS}")
    images = np.stack(list(known.values()))
    if 0 < images.max() <= decoding.DARK:
        raise UserError(
            f"{name} holds no pixel brighter than {decoding.DARK} of 255, as pictures of 8 or 12 bits in 16 do: save "
            "them from 0 to 255 (or to 65535)"
        )
    if broken is not None:
        broken.update(faults)
    return images


def _each(
    items: Sequence[Any] | Mapping[int, Any], name: str, work: Callable[[Any], Result], faults: dict[int, str]
) -> dict[int, Result]:
    """`work` of each picture, or of that at a path, by its place; a picture is open only meanwhile."""
    from PIL import Image

    from weightscape.data.decoding import Unreadable

    found: dict[int, Result] = {}
    for place, item in items.items() if isinstance(items, Mapping) else enumerate(items):
        path: Any = item if isinstance(item, str | os.PathLike) else None
        if path is None and not isinstance(item, Image.Image):
            raise UserError(f"{name} hold a {type(item).__name__}: give pictures (PIL), arrays or paths")
        try:
            with Image.open(path) if path else contextlib.nullcontext(item) as picture:
                found[place] = work(picture)
        except (Unreadable, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            faults[place] = f"{path or f'a picture of {name}'} ({error})"
    return found
