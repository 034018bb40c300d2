"""Brings arrays of images or embeddings to one form: pixels uint8 [n, c, h, w] with 1 or 3 channels, or rows [n, d].

Two axes are rows of an embedding, three are grey images, four are images with their channels last or second, where a
fourth channel is transparency and is laid on white. Floats are pixels in [0, 1], whole numbers pixels from 0 to 255;
other ranges are refused, because normalised images have no pixels; whole numbers of 0 and 1 alone are black and white.
Notes tell each conversion.
"""

from typing import Any

import numpy as np

from weightscape.data.decoding import DARK
from weightscape.errors import UserError

CHANNELS = (1, 3, 4)
OPAQUE = 3
"""Channels of a colour image without transparency."""
HALF_LEVEL = 1 / 510
"""By which floats may leave [0, 1] and round to the same pixels, as sums in float32 do."""
MAGNITUDE = 1e100
"""Of an embedding's values, at most: larger ones have no squares."""


def in_memory(array: Any) -> np.ndarray:
    """An array or tensor, on any device, as a numpy array; half precisions widened."""
    if np.ma.is_masked(array):
        raise UserError(
            f"a masked array hides {np.ma.count_masked(array)} of its {array.size} values: fill them, or leave out "
            "their rows"
        )
    if hasattr(array, "detach"):
        array = _on_host(array)
    array = np.asarray(array)
    narrow = array.dtype.kind == "f" and array.dtype.itemsize < 4
    return array.astype(np.float32) if narrow or array.dtype.name == "bfloat16" else array


def _on_host(tensor: Any) -> Any:
    """A tensor of torch whose numbers numpy can read."""
    try:
        tensor = tensor.detach().cpu()
        narrow = tensor.is_floating_point() and tensor.dtype.itemsize < 4
        return (tensor.float() if narrow else tensor).numpy()
    except (TypeError, RuntimeError) as error:  # so torch refuses sparse and quantised tensors, and those without data
        raise UserError(f"a tensor {list(tensor.shape)} has no plain numbers ({error!s:.100}): make it dense") from None


def as_rows(array: np.ndarray, name: str) -> np.ndarray:
    """Embeddings as floats [n, dimensions], all finite."""
    shape = f"{array.dtype} {list(array.shape)}"
    if array.dtype.kind not in "fiu" or array.ndim != 2 or 0 in array.shape:
        raise UserError(f"{name} has embeddings {shape}: they must be numbers [n, dimensions]; convert them so")
    rows = array if array.dtype.kind == "f" else array.astype(np.float64)
    if not np.isfinite(rows).all():
        raise UserError(f"{name} has embeddings with NaN or infinity: all must be finite; remove those rows")
    if float(np.abs(rows).max()) > MAGNITUDE:
        raise UserError(f"{name} has embeddings beyond {MAGNITUDE:g}, which have no squares: scale them down")
    return rows


def as_images(images: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Images uint8 [n, c, h, w] with 1 or 3 channels, and a note of each conversion."""
    shape, notes = list(images.shape), []
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise UserError(
            f"{name} has images {images.dtype} {shape}: they must be uint8 [n, channels, height, width], or "
            "[n, height, width] if they are grey"
        )
    if images.ndim == 3 and shape[2] in CHANNELS:
        raise UserError(
            f"{name} has images {images.dtype} {shape}, which is one picture, or pictures {shape[2]} px wide: give "
            "several pictures as [n, height, width, channels]"
        )
    if images.ndim == 3:
        images = images[:, None]
        notes.append(f"{shape} is read as grey images [n, height, width]")
    elif _channels_last(images, name):
        images = images.transpose(0, 3, 1, 2)
        notes.append(f"{shape} is read as [n, height, width, channels]")
    if images.dtype.kind in "iu" and images.max() == 1 and images.min() == 0:
        notes.append(f"{images.dtype} of 0 and 1 is read as black and white")
        images = images.astype(bool)
    elif images.dtype != np.uint8:
        notes.append(f"{images.dtype} is read as {'' if images.dtype.kind in 'iu' else 'shares of '}255 grey levels")
    if images.dtype != np.uint8:
        images = _bytes(images, name)
    if images.shape[1] > OPAQUE:
        _check_seen(images, name)
        cover = images[:, OPAQUE:].astype(np.float32) / 255
        images = (images[:, :OPAQUE] * cover + 255 * (1 - cover)).round().astype(np.uint8)
        notes.append("the fourth channel is read as transparency, on white")
    return np.ascontiguousarray(images), notes


def _check_seen(images: np.ndarray, name: str) -> None:
    """Refuse an image whose transparency hides what it shows, as numbers of another range than 0 to 255 do."""
    flat = images.reshape(len(images), images.shape[1], -1)
    hidden = (flat[:, OPAQUE].max(axis=1) <= DARK) & np.ptp(flat[:, :OPAQUE], axis=2).any(axis=1)
    if hidden.any():
        raise UserError(
            f"{name} has {hidden.sum()} images of {len(images)} that their fourth channel hides, as no pixel is more "
            f"opaque than {DARK} of 255 (the first: {int(hidden.argmax())}): take that channel away"
        )


def _channels_last(images: np.ndarray, name: str) -> bool:
    """Whether the last axis holds the channels; where two axes may, that which leaves square pictures."""
    _, second, third, last = images.shape
    may = {False: second in CHANNELS, True: last in CHANNELS}
    if all(may.values()):
        may = {False: third == last, True: second == third}
        if may[False] == may[True]:
            raise UserError(
                f"{name} has images {list(images.shape)}, of which axis 1 or 3 may be the channels: give pictures of "
                "more than 4 pixels a side"
            )
    if not any(may.values()):
        raise UserError(
            f"{name} has images {images.dtype} {list(images.shape)} of {second} channels: they must be uint8 "
            f"[n, channels, height, width] of 1 or 3 channels, but neither axis 1 nor 3 is that; convert them so"
        )
    return may[True]


def _bytes(images: np.ndarray, name: str) -> np.ndarray:
    """Pixels as uint8."""
    if images.dtype.kind not in "fiub":
        raise UserError(f"{name} has images {images.dtype}: they must be uint8, or floats in [0, 1]; convert them so")
    whole = images.dtype.kind in "iu"
    low, high = float(images.min()), float(images.max())
    edge = 0 if whole else HALF_LEVEL
    if not (low >= -edge and high <= (255 if whole else 1 + edge)):
        limits = "whole numbers must lie in [0, 255]" if whole else "floats must lie in [0, 1]"
        raise UserError(
            f"{name} has images {images.dtype} from {low:.5g} to {high:.5g}: {limits}; undo their normalisation, or "
            "save uint8 from 0 to 255"
        )
    return images.astype(np.uint8) if whole else (images.astype(np.float64) * 255).round().clip(0, 255).astype(np.uint8)
