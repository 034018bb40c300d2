"""Reads anyone's images or embeddings: safetensors, .npz, .npy, a folder of images, or a list of their paths (.txt).

Images become uint8 [n, c, h, w]. What is converted on the way is said in a note; what cannot be told is refused.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from weightscape.errors import UserError

KINDS = ("images", "embeddings")
CHANNELS = 4
FORMS = "a safetensors, .npz or .npy file, a folder of images, or a .txt of their paths"
PIXEL_LIMIT = 178_956_970
Arrays = dict[str, np.ndarray]


def read(path: Path, size: int) -> Arrays:
    """The arrays `images` or `embeddings`, and `labels` if there are some; image files are brought to `size` pixels."""
    if not path.exists():
        raise UserError(f"{path} does not exist: name {FORMS}")
    if path.is_dir() or path.suffix == ".txt":
        return _files(path, size)
    arrays = _numpy(path) if path.suffix in (".npy", ".npz") else _safetensors(path)
    found = [name for name in KINDS if name in arrays]
    if len(found) != 1:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise UserError(f"{path} holds {held}: it must hold either `images` or `embeddings`; name one of them so")
    if "images" in arrays:
        arrays["images"] = as_images(path, arrays["images"])
    return arrays


def _safetensors(path: Path) -> Arrays:
    from weightscape.formats.tensors import read_tensors

    try:
        return read_tensors(path)
    except UserError as fault:
        text = str(fault).partition(": delete it")[0]
        raise UserError(f"{text}: name {FORMS}") from None


def _numpy(path: Path) -> Arrays:
    """The arrays of a numpy file; those without a name are images or embeddings by their form, or a list of images."""
    try:
        content = np.load(path, allow_pickle=False)
        arrays = {"": content} if isinstance(content, np.ndarray) else {name: content[name] for name in content.files}
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read ({error}): save one array of numbers by numpy.save") from None
    unnamed = [name for name in arrays if name == "" or name.startswith("arr_")]
    if not unnamed or len(unnamed) < len(arrays):
        return arrays
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) > 1:
        raise UserError(f"{path} holds arrays of the shapes {sorted(shapes)[:3]}: bring the images to one form")
    one = arrays[unnamed[0]] if len(arrays) == 1 else np.stack(list(arrays.values()))
    return {"embeddings" if one.ndim == 2 and one.dtype.kind == "f" else "images": one}


def as_images(path: Path, images: np.ndarray) -> np.ndarray:
    """Images uint8 [n, c, h, w] with 1 or 3 channels from any order of axes, from floats in [0, 1] and from RGBA."""
    shape, notes = list(images.shape), []
    if images.ndim == 3:
        images = images[:, None]
        notes.append(f"{shape} is read as grey images [n, height, width]")
    if images.ndim != 4 or 0 in images.shape:
        raise UserError(f"{path} has images {images.dtype} {shape}: they must be uint8 [n, channels, height, width]")
    if images.shape[1] > CHANNELS and images.shape[3] <= CHANNELS:
        images = images.transpose(0, 3, 1, 2)
        notes.append(f"{shape} is read as [n, height, width, channels]")
    if images.shape[1] not in (1, 3, 4):
        raise UserError(
            f"{path} has images {images.dtype} {shape} of {images.shape[1]} channels: they must be uint8 "
            "[n, channels, height, width] of 1 or 3 channels; convert them so"
        )
    if images.dtype.kind == "f":
        images = _from_floats(path, images)
        notes.append("floats in [0, 1] are read as 255 grey levels")
    if images.dtype != np.uint8:
        raise UserError(f"{path} has images {images.dtype} {shape}: they must be uint8 from 0 to 255; convert them so")
    if images.shape[1] == CHANNELS:
        cover = images[:, 3:].astype(np.float32) / 255
        images = (images[:, :3] * cover + 255 * (1 - cover)).round().astype(np.uint8)
        notes.append("the fourth channel is read as transparency, on white")
    for note in notes:
        print(f"note: {path}: {note}")
    return np.ascontiguousarray(images)


def _from_floats(path: Path, images: np.ndarray) -> np.ndarray:
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(images).all() and low >= 0 and high <= 1):
        raise UserError(
            f"{path} has images {images.dtype} from {low:g} to {high:g}: floats must lie in [0, 1]; scale them so, or "
            "save uint8 from 0 to 255"
        )
    return (images.astype(np.float64) * 255).round().astype(np.uint8)


def _files(path: Path, size: int) -> Arrays:
    """Images of a folder, with labels by its folders if all lie in some, or of a list of paths."""
    from weightscape.data.decoding import Form, decode_many
    from weightscape.data.image_folder import files_of

    left_out: Counter[str] = Counter()
    if path.is_dir():
        files = files_of(str(path), left_out)
    else:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        files = [str(path.parent / line) for line in lines]
    images, faults = decode_many(list(files), Form(size, 3, PIXEL_LIMIT))
    for place, reason in faults:
        print(f"note: {files[place]} is left out: {reason}")
    for reason, count in left_out.items():
        print(f"note: {path}: left out: {count} of {reason}")
    if not len(images):
        raise UserError(f"{path} holds no images that can be read: name {FORMS}")
    print(f"note: {path}: {len(images)} images, brought to {size} px and RGB")
    lost = {place for place, _ in faults}
    parts = (
        [Path(file).relative_to(path).parts for place, file in enumerate(files) if place not in lost]
        if path.is_dir()
        else []
    )
    if not parts or any(len(part) == 1 for part in parts):
        return {"images": images}
    classes = sorted({part[0] for part in parts})
    return {"images": images, "labels": np.array([classes.index(part[0]) for part in parts], np.int64)}
