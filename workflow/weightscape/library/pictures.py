"""Images and embeddings in any form that people have as one set: pixels uint8 [n, c, h, w], or rows [n, d].

A set is an array or tensor, a list of pictures (PIL), arrays or paths, a folder of image files, or a file (.npy, .npz,
.safetensors). Two axes are rows of an embedding, three are grey images, four are images with their channels last or
second. Floats are pixels in [0, 1]; other ranges are refused, because normalised images have no pixels.
"""

import contextlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from weightscape.errors import UserError

Result = TypeVar("Result")
CHANNELS = (1, 3)
GREY = ("1", "L", "I;16", "I")
"""Modes of pictures without colour."""
PIXEL_LIMIT = 10**8
LARGEST_SIDE = 224  # px; to which pictures of several sizes are brought
ARRAYS = (".npy", ".npz", ".safetensors")
NAMES = ("images", "embeddings", "x", "features", "arr_0")
"""Names of the array in a file that holds several, in the order in which they are tried."""

ImageSet = Any
"""An array, a tensor, a list of pictures, arrays or paths, a folder, or a file."""


@dataclass(frozen=True)
class Loaded:
    """A set in one form: `images` uint8 [n, c, h, w], or `rows` float [n, d]; the other is None."""

    images: np.ndarray | None = None
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows if self.images is None else self.images)  # pyright: ignore[reportArgumentType]


def loaded(given: ImageSet, name: str = "images") -> Loaded:
    """The set in one form; `name` is that of the argument, for messages."""
    if isinstance(given, Loaded):
        return given
    if isinstance(given, str | os.PathLike):
        path = Path(given).expanduser()
        given = sorted(_image_files(path)) if path.is_dir() else _of_file(path)
    if hasattr(given, "shape"):
        return _of_array(_numpy(given), name)
    if not isinstance(given, Sequence):
        given = list(given) if hasattr(given, "__iter__") else given
    if not isinstance(given, Sequence) or not given:
        raise UserError(f"{name} holds no images: give an array, a list of pictures or paths, a folder or a file")
    if all(hasattr(item, "shape") for item in given):
        return _of_arrays([_numpy(item) for item in given], name)
    return Loaded(images=_of_pictures(given, name))


def _image_files(folder: Path) -> list[str]:
    """All image files below a folder, as the workflow finds them; a warning counts the others by reason."""
    from weightscape.data.image_folder import files_of

    left_out: Counter[str] = Counter()
    found = list(files_of(str(folder), left_out))
    if not found:
        raise UserError(f"{folder} holds no image files: name the folder that holds them, or that of their classes")
    for reason, count in left_out.items():
        warnings.warn(f"{folder}: left out: {count} of {reason}", stacklevel=2)
    return found


def _of_file(path: Path) -> np.ndarray | list[str]:
    """The array in a file; an image file is a list of one."""
    if not path.is_file():
        raise UserError(f"{path} does not exist: name a folder of images or a file ({', '.join(ARRAYS)})")
    if path.suffix == ".safetensors":
        from weightscape.formats.state_dicts import Safetensors

        return _chosen(path, Safetensors(path))
    if path.suffix not in (".npy", ".npz"):
        return [str(path)]
    try:
        found = np.load(path, allow_pickle=False)
        return found if isinstance(found, np.ndarray) else _chosen(path, found)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} is not a whole file of plain arrays ({error}): save it again with numpy") from None


def _chosen(path: Path, arrays: Any) -> np.ndarray:
    """The array of images or embeddings among those of a file."""
    names = list(arrays)
    name = next((each for each in NAMES if each in names), names[0] if len(names) == 1 else None)
    if name is None:
        raise UserError(f"{path} holds {', '.join(names[:5]) or 'nothing'}: call one `images` or `embeddings`")
    return np.asarray(arrays[name])


def _numpy(array: Any) -> np.ndarray:
    """An array or tensor, on any device, as a numpy array; half precisions widened."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() and array.dtype.itemsize < 4 else array
    array = np.asarray(array)
    narrow = array.dtype.kind == "f" and array.dtype.itemsize < 4
    return array.astype(np.float32) if narrow or array.dtype.name == "bfloat16" else array


def _of_array(array: np.ndarray, name: str) -> Loaded:
    if array.ndim == 2:
        if array.dtype.kind not in "fiu":
            raise UserError(f"{name} are {array.dtype} {list(array.shape)}: embeddings are numbers [n, dimensions]")
        rows = array if array.dtype.kind == "f" else array.astype(np.float64)
        if not np.isfinite(rows).all():
            raise UserError(f"{name} hold NaN or infinity: remove those rows")
        return Loaded(rows=rows)
    if array.ndim not in (3, 4) or 0 in array.shape:
        raise UserError(
            f"{name} have the shape {list(array.shape)}: embeddings are [n, dimensions], images [n, height, width], "
            "[n, height, width, channels] or [n, channels, height, width]"
        )
    return Loaded(images=_bytes(_planes(array, name), name))


def _planes(array: np.ndarray, name: str) -> np.ndarray:
    """Images as [n, channels, height, width]."""
    if array.ndim == 3:
        return array[:, None]
    first, last = array.shape[1] in CHANNELS, array.shape[3] in CHANNELS
    if first and last:
        raise UserError(
            f"{name} have the shape {list(array.shape)}, of which axis 1 or 3 may be the channels: give pictures of "
            "more than 3 pixels a side"
        )
    if not first and not last:
        raise UserError(
            f"{name} have the shape {list(array.shape)}, of which neither axis 1 nor 3 is 1 or 3 channels: bring them "
            "to grey or RGB"
        )
    return array if first else array.transpose(0, 3, 1, 2)


def _bytes(images: np.ndarray, name: str) -> np.ndarray:
    """Pixels as uint8: floats are of [0, 1], whole numbers of 0 to 255."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    if images.dtype.kind not in "fiub":
        raise UserError(f"{name} are {images.dtype}: pixels are uint8, or floats in [0, 1]")
    full = 1.0 if images.dtype.kind in "fb" else 255.0
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= full):
        raise UserError(
            f"{name} are {images.dtype} of {low:.3g} to {high:.3g}: pixels are uint8, or floats in [0, 1]; undo their "
            "normalisation"
        )
    return np.round(images * (255.0 / full)).astype(np.uint8)


def _of_arrays(arrays: list[np.ndarray], name: str) -> Loaded:
    """A list of arrays of one shape; vectors are rows."""
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        one, other = sorted(shapes)[:2]
        raise UserError(f"{name} are of several shapes, as {list(one)} and {list(other)}: bring them to one size")
    return _of_array(np.stack(arrays), name)


def _of_pictures(items: Sequence[Any], name: str) -> np.ndarray:
    """Pictures or paths as uint8 [n, c, h, w]; of several sizes, or not square, as their middle square."""
    from weightscape.data import decoding

    known = {_with(item, name, lambda picture: (picture.size, picture.mode)) for item in items}
    sizes = {size for size, _ in known}
    side = min(min(size) for size in sizes)
    side = min(side, LARGEST_SIDE) if len(sizes) > 1 else side
    form = decoding.Form(side, 1 if all(mode in GREY for _, mode in known) else 3, PIXEL_LIMIT)
    return np.stack([_with(item, name, lambda picture: decoding.from_picture(picture, form)) for item in items])


def _with(item: Any, name: str, work: Callable[[Any], Result]) -> Result:
    """`work` of a picture, or of that at a path, which is open only meanwhile."""
    from PIL import Image

    from weightscape.data.decoding import Unreadable

    path: Any = item if isinstance(item, str | os.PathLike) else None
    if path is None and not isinstance(item, Image.Image):
        raise UserError(f"{name} hold a {type(item).__name__}: give pictures (PIL), arrays or paths")
    try:
        with Image.open(path) if path else contextlib.nullcontext(item) as picture:
            return work(picture)
    except (Unreadable, OSError, SyntaxError, ValueError) as error:
        what = path or f"a picture of {name}"
        raise UserError(f"{what} cannot be read as an image ({error}): mend or remove it") from None
