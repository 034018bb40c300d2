"""Image files of any kind as arrays of one form: uint8 [channels, size, size].

An image is turned as its EXIF orientation says, laid on white if it is transparent, converted to RGB or grey,
scaled so that its shorter side has `size` pixels (bicubic, with anti-aliasing) and cropped at its centre. Of several
frames or pages the first counts. 16-bit images are scaled by 1/257, not cut off at 255. What cannot be read, or shows
nothing, raises `Unreadable` with its reason.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ORIENTATION = 0x0112  # the tag of EXIF 2.3 that says how to turn an image
BITS, PHOTOMETRIC, SAMPLES = 258, 262, 339  # tags of TIFF 6.0: bits of a number, whether 0 is white, kind of numbers
SIGNED = (2,)
STEPS = {"L;2": 85, "L;4": 17}  # of grey levels in PNG of few bits, where PIL leaves the transparent one unscaled
DARK = 16  # of 255 levels, of grey or of opacity; 12 bits of 16 reach 4095 / 257


Faults = list[tuple[int, str]]  # place in a batch, and reason, of each image that cannot be read


class Unreadable(Exception):
    """An image file that cannot be used; the message says why."""


@dataclass(frozen=True)
class Form:
    """The form of every decoded image: its side in pixels, 1 or 3 channels; files above `pixel_limit` are refused."""

    size: int
    channels: int
    pixel_limit: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image: [channels, height, width]."""
        return (self.channels, self.size, self.size)


def decode(data: bytes | str, form: Form) -> np.ndarray:
    """One image file (its content or its path) as uint8 [channels, size, size]."""
    with opened(lambda: data, form) as picture:
        return from_picture(picture, form)


@contextlib.contextmanager
def opened(source: Callable[[], Any], form: Form) -> Iterator[Any]:
    """The picture that `source` gives, or PIL opens of its content or path; any error of a reader is `Unreadable`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata and of large images; here the limit decides
            given = source()
            file = io.BytesIO(given) if isinstance(given, bytes) else given
            with file if isinstance(file, Image.Image) else Image.open(file) as picture:
                width, height = picture.size
                if width * height > form.pixel_limit:
                    raise Unreadable(f"has {width} x {height} pixels, more than the limit of {form.pixel_limit}")
                yield picture
    except Unreadable:
        raise
    except UnidentifiedImageError:  # its text names a place in memory
        raise Unreadable("is no image of a known format") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"has more pixels than the limit of {form.pixel_limit}") from None
    except Exception as error:  # PIL's readers raise errors of many kinds (OSError, SyntaxError, struct.error, ...)
        raise Unreadable(" ".join(str(error).split())[:200] or type(error).__name__) from None


def from_picture(picture: Any, form: Form) -> np.ndarray:
    """A PIL image as uint8 [channels, size, size]."""
    from PIL import Image, ImageOps

    packed = str(picture.tile[0][3]) if getattr(picture, "tile", None) else ""
    picture.load()
    if packed in STEPS and "transparency" in picture.info:
        picture.info["transparency"] *= STEPS[packed]
    if _is_turned(picture):
        picture = ImageOps.exif_transpose(picture)
    picture = _eight_bits(picture, form)
    if picture.size != (form.size, form.size):
        picture = ImageOps.fit(picture, (form.size, form.size), Image.Resampling.BICUBIC)
    array = np.asarray(picture)
    return array[None] if form.channels == 1 else array.transpose(2, 0, 1)


def _is_turned(picture: Any) -> bool:
    """Whether metadata ask for a turn; they are parsed only if there are some, as that takes a third of the time."""
    some = hasattr(picture, "tag_v2") or any("exif" in str(key).lower() or "xmp" in str(key) for key in picture.info)
    return some and picture.getexif().get(ORIENTATION, 1) != 1


def _eight_bits(picture: Any, form: Form) -> Any:
    """The picture in mode RGB or L."""
    from PIL import Image

    wanted = "L" if form.channels == 1 else "RGB"
    if picture.mode == "L" and _tags(picture).get(SAMPLES) == SIGNED and picture.getextrema()[1] > 127:
        raise Unreadable("holds numbers below 0")
    if picture.mode == wanted and "transparency" not in picture.info:
        return picture
    if picture.mode == "F":
        raise Unreadable("holds floating-point values, whose range is not known")
    if picture.mode.startswith("I"):
        picture = _of_wide_numbers(picture)
    if picture.mode == "LAB":  # Pillow knows no other way from here
        picture = picture.convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        *colours, (_, opaque) = picture.getextrema()
        if opaque <= DARK and any(low < high for low, high in colours):
            raise Unreadable(f"is hidden by its transparency, as no pixel is more opaque than {opaque} of 255")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert(wanted)


def _tags(picture: Any) -> Any:
    """The tags of a TIFF; none of other formats."""
    return getattr(picture, "tag_v2", {})


def _of_wide_numbers(picture: Any) -> Any:
    """A grey picture of more than 8 bits in mode L; PIL leaves numbers of 12 bits, and 0 for white, as they stand."""
    from PIL import Image

    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("holds integers outside of 16 bits")
    clear = values == picture.info.get("transparency", -1)
    most, top = values[~clear].max(initial=0), 4095 if _tags(picture).get(BITS) == (12,) else 65535
    if 0 < most < 256 and top == 65535:
        raise Unreadable(f"holds values up to {most} in 16 bits, which are black: save them in 8 bits, or to 65535")
    values = top - values if _tags(picture).get(PHOTOMETRIC) == 0 else values
    return Image.fromarray(np.where(clear, 255, (values * 255 / top).round()).astype(np.uint8))


def from_arrays(arrays: np.ndarray, form: Form) -> tuple[np.ndarray, Faults]:
    """Decoded images uint8 [n, h, w] or [n, h, w, channels] as uint8 [n, channels, size, size], and their faults."""
    from PIL import Image

    if arrays.ndim == 3:
        arrays = arrays[..., None]
    if arrays.shape[1:3] == (form.size, form.size) and arrays.shape[3] in (1, form.channels):
        planes = np.ascontiguousarray(arrays.transpose(0, 3, 1, 2))
        return (planes if planes.shape[1] == form.channels else np.repeat(planes, form.channels, axis=1)), []

    def image(array: np.ndarray) -> np.ndarray:
        return from_picture(Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array), form)

    return _each(arrays, form, image)


def decode_many(batch: list[bytes | str], form: Form) -> tuple[np.ndarray, Faults]:
    """The readable images of a batch, and the place and fault of each other."""
    return _each(batch, form, lambda data: decode(data, form))


def _each(
    items: Sequence[Any] | np.ndarray, form: Form, image: Callable[[Any], np.ndarray]
) -> tuple[np.ndarray, Faults]:
    """`image` of each item that can be read, and the place and fault of each other."""
    images = np.empty((len(items), *form.shape), np.uint8)
    faults: Faults = []
    for place, item in enumerate(items):
        try:
            images[place - len(faults)] = image(item)
        except Unreadable as fault:
            faults.append((place, str(fault)))
    return images[: len(items) - len(faults)], faults
