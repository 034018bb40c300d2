"""Image files of every kind, as users' folders hold them, against what PIL and arithmetic say."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from weightscape.data.decoding import Form, Unreadable, decode, decode_many, from_arrays

LIMIT = 10_000
COLOUR = Form(16, 3, LIMIT)
GREY = Form(16, 1, LIMIT)


def picture(seed: int = 0, size: tuple[int, int] = (16, 16)) -> Image.Image:
    """Smooth colours, so that lossy formats come near."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR)


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def expected(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    image = picture().convert(mode)
    assert np.array_equal(decode(file(image, kind), COLOUR), expected(image))


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    image = picture(size=(32, 32))
    found = decode(file(image.convert("CMYK"), "JPEG", quality=95), Form(32, 3, LIMIT)).astype(int)
    assert np.abs(found - expected(image)).mean() < 4


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_not_cut_off(channels: int) -> None:
    values = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    found = decode(file(Image.fromarray(values)), Form(16, channels, LIMIT))
    assert found.shape == (channels, 16, 16)
    assert np.array_equal(found[0], (values / 257).round())


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
@pytest.mark.parametrize(("most", "whole"), [(0, True), (1, False), (255, False), (256, True)])
def test_eight_bits_in_sixteen_are_not_taken_for_black(dtype: Any, most: int, whole: bool) -> None:
    data = file(Image.fromarray(np.full((16, 16), most, dtype)), "TIFF")
    if whole:
        assert decode(data, GREY).max() == round(most / 257)
    else:
        with pytest.raises(Unreadable, match=f"values up to {most} in 16 bits, which are black"):
            decode(data, GREY)


def tiff(values: np.ndarray, bits: int, photometric: int, kind: int = 1) -> bytes:
    """An uncompressed grey TIFF of 16 x 16 px (TIFF 6.0); numbers of 12 bits stand two in three bytes."""
    data = values.tobytes()
    if bits == 12:
        pairs = values.reshape(-1, 2)
        data = b"".join(int(first << 12 | second).to_bytes(3) for first, second in pairs.astype(int))
    tags = {256: 16, 257: 16, 258: bits, 259: 1, 262: photometric, 273: 134, 277: 1, 278: 16, 279: len(data), 339: kind}
    entries = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


@pytest.mark.parametrize(("bits", "photometric"), [(8, 0), (8, 1), (16, 0), (16, 1), (12, 1)])
def test_a_tiff_has_its_own_black_and_white(bits: int, photometric: int) -> None:
    levels = np.arange(256).reshape(16, 16)
    top = 2**bits - 1
    values = (levels * top / 255).round().astype(np.uint8 if bits == 8 else np.uint16)
    found = decode(tiff(values, bits, photometric), GREY)[0]
    assert np.array_equal(found, levels if photometric else 255 - levels)


def test_signed_numbers_are_not_taken_for_bright_ones() -> None:
    with pytest.raises(Unreadable, match="holds numbers below 0"):
        decode(tiff(np.arange(-128, 128, dtype=np.int8), 8, 1, kind=2), GREY)


@pytest.mark.parametrize("opaque", [0, 1, 16, 17])
@pytest.mark.parametrize("size", [16, 24])
def test_an_image_that_its_transparency_hides_is_no_white_one(opaque: int, size: int) -> None:
    image = picture(size=(size, size))
    image.putalpha(opaque)
    faults = from_arrays(np.asarray(image)[None], COLOUR)[1]
    assert bool(faults) == (opaque < 17)
    if opaque < 17:
        with pytest.raises(Unreadable, match=f"no pixel is more opaque than {opaque} of 255"):
            decode(file(image), COLOUR)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    frames = [Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (60, 250)]
    assert (decode(file(frames[0], kind, save_all=True, append_images=frames[1:]), COLOUR) < 62).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_orientation_says(orientation: int) -> None:
    upright = np.asarray(picture(3))
    turned = {  # what a camera stores so that the viewer's turn makes it upright (EXIF 2.3, tag 274)
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file(Image.fromarray(np.ascontiguousarray(turned)), exif=exif)
    assert np.array_equal(decode(data, COLOUR), upright.transpose(2, 0, 1))


def test_transparency_is_laid_on_white() -> None:
    image = picture().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat([0, 255], 128).astype(np.uint8).reshape(16, 16)))
    found = decode(file(image), COLOUR)
    assert (found[:, :8] == 255).all()
    assert np.array_equal(found[:, 8:], expected(picture())[:, 8:])
    palette = Image.fromarray(np.zeros((16, 16), np.uint8)).convert("P")
    assert (decode(file(palette, transparency=0), COLOUR) == 255).all()


def png(parts: dict[bytes, bytes]) -> bytes:
    """A PNG of some chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(text).to_bytes(4) + name + text + zlib.crc32(name + text).to_bytes(4) for name, text in parts.items()
    )


@pytest.mark.parametrize(("bits", "colour"), [(8, 0), (16, 0), (8, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_colour_that_a_png_declares_transparent_is_white(bits: int, colour: int, channels: int) -> None:
    values, clear = (100, 40, 20)[: 1 + colour], b"".join(value.to_bytes(2) for value in (100, 40, 20)[: 1 + colour])
    row = b"\0" + b"".join(value.to_bytes(bits // 8) for value in values) * 16
    shape = (16).to_bytes(4) * 2 + bytes([bits, colour, 0, 0, 0])
    parts = {b"IHDR": shape, b"tRNS": clear, b"IDAT": zlib.compress(row * 16), b"IEND": b""}
    assert (decode(png(parts), Form(16, channels, LIMIT)) == 255).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_grey_that_a_png_of_few_bits_declares_transparent_is_white(bits: int) -> None:
    levels = np.arange(16) % 2**bits
    packed = np.packbits((levels[:, None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)).tobytes()
    shape = (16).to_bytes(4) * 2 + bytes([bits, 0, 0, 0, 0])
    for clear in range(2**bits):
        parts = {
            b"IHDR": shape,
            b"tRNS": clear.to_bytes(2),
            b"IDAT": zlib.compress((b"\0" + packed) * 16),
            b"IEND": b"",
        }
        wanted = np.where(levels == clear, 255, levels * 255 // (2**bits - 1))
        assert decode(png(parts), GREY)[0, 0].tolist() == wanted.tolist()


def test_a_lab_picture_becomes_grey_as_its_colours_do() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    data = file(ImageCms.applyTransform(picture(), to_lab), "TIFF")  # type: ignore[arg-type]
    found = decode(data, Form(16, 1, LIMIT))[0].astype(int)
    assert np.abs(found - np.asarray(picture().convert("L"))).mean() < 1


def test_the_middle_of_a_wide_image_is_kept_at_the_wanted_size() -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 200
    assert (decode(file(Image.fromarray(wide)), Form(20, 3, LIMIT))[:, :, 2:-2] == 200).all()
    assert decode(file(Image.fromarray(wide)), GREY).shape == (1, 16, 16)


def test_what_cannot_be_read_says_why() -> None:
    whole = file(picture(size=(64, 64)), "JPEG")
    for data, reason in (
        (whole[: len(whole) - 60], "truncated"),
        (b"no image at all", "^is no image of a known format$"),
        (b"", "^is no image of a known format$"),
        (file(picture()), "16 x 16 pixels, more than the limit of 100"),
        (file(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), "floating-point"),
    ):
        with pytest.raises(Unreadable, match=reason):
            decode(data, Form(16, 3, pixel_limit=100 if "limit" in reason else LIMIT))


def test_a_batch_keeps_the_readable_images_in_order() -> None:
    images, faults = decode_many([file(picture(1)), b"x", file(picture(2)), b""], COLOUR)
    assert [place for place, _ in faults] == [1, 3]
    assert np.array_equal(images, np.stack([expected(picture(1)), expected(picture(2))]))


def test_arrays_of_another_size_are_scaled_as_files_are(tmp_path: Path) -> None:
    image = picture(size=(24, 20))
    image.save(tmp_path / "a.png")
    array = np.asarray(image)[None]
    assert np.array_equal(from_arrays(array, COLOUR)[0][0], decode(str(tmp_path / "a.png"), COLOUR))
    grey = np.asarray(picture().convert("L"))[None]
    assert np.array_equal(from_arrays(grey, COLOUR)[0], np.repeat(grey[:, None], 3, axis=1))
