"""Copies of images: equal and near ones are found, different digits are not taken for copies."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from weightscape.data import copies
from weightscape.data.copies import Marks, coefficients, digest, facts, find
from weightscape.data.decoding import Form, decode
from weightscape.data.digits import mnist
from weightscape.errors import UserError
from weightscape.formats.shards import ImageSet, write_shard


def marked(images: np.ndarray, labels: np.ndarray | None = None) -> Marks:
    labels = np.zeros(len(images), np.int64) if labels is None else labels
    return Marks(digest(images), coefficients(images), labels, images.shape[-1])


def scenes(count: int, size: int, seed: int = 0) -> list[Image.Image]:
    """Coloured pictures of a few rectangles on a ramp of grey, with some noise."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        picture = np.linspace(rng.integers(256), rng.integers(256), size * size * 3).reshape(size, size, 3)
        for _ in range(6):
            (top, left), (height, width) = rng.integers(0, size - 4, 2), rng.integers(4, size, 2)
            picture[top : top + height, left : left + width] = rng.integers(0, 256, 3)
        made.append(Image.fromarray((picture + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8)))
    return made


def encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def altered(picture: Image.Image, how: str) -> bytes:
    if how.startswith("q"):
        return encoded(picture, "JPEG", quality=int(how[1:]))
    return encoded(picture.resize((picture.width // 2, picture.height // 2)), "PNG")


@pytest.mark.parametrize("how", ["q90", "q75", "q50", "half"])
@pytest.mark.parametrize(("side", "size"), [(16, 16), (32, 32), (64, 28), (96, 96)])
def test_at_least_99_of_100_altered_copies_are_found(how: str, side: int, size: int) -> None:
    form = Form(size, 3, 10**6)
    pictures = scenes(300, side)
    train = np.stack([decode(encoded(picture, "PNG"), form) for picture in pictures])
    test = np.stack([decode(altered(picture, how), form) for picture in pictures])
    found = find(marked(test), marked(train))
    assert (found.equal | found.near).mean() >= 0.99
    assert (found.copy == np.arange(300)).mean() >= 0.99


def test_few_different_digits_pass_for_copies_and_none_of_another_class() -> None:
    digits = mnist()
    found = find(marked(digits.images, digits.labels))
    assert not found.equal.any() and found.near.mean() <= 0.003 and not found.other_class.any()


def test_different_pictures_are_no_copies() -> None:
    form = Form(32, 3, 10**6)
    images = np.stack([decode(encoded(picture, "PNG"), form) for picture in scenes(600, 32, seed=5)])
    found = find(marked(images[:200]), marked(images[200:]))
    assert not found.equal.any() and not found.near.any()


@given(
    seed=st.integers(0, 2**32 - 1),
    side=st.integers(8, 40),
    channels=st.sampled_from([1, 3]),
    pool=st.integers(1, 30),
)
def test_equal_images_are_those_with_the_same_bytes(seed: int, side: int, channels: int, pool: int) -> None:
    rng = np.random.default_rng(seed)
    originals = rng.integers(0, 2, (pool, channels, side, side), np.uint8) * 255
    ours, theirs = rng.integers(0, pool, 20), rng.integers(0, pool, 12)
    labels, other_labels = rng.integers(0, 2, 20), rng.integers(0, 2, 12)
    found = find(marked(originals[ours], labels), marked(originals[theirs], other_labels))
    stored = [image.tobytes() for image in originals[theirs]]
    for row, image in enumerate(originals[ours]):
        places = [place for place, other in enumerate(stored) if other == image.tobytes()]
        assert found.equal[row] == bool(places)
        if places:
            assert found.copy[row] == places[0]
            assert found.other_class[row] == any(other_labels[place] != labels[row] for place in places)


def test_an_image_is_no_copy_of_itself_but_of_its_twin() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 16, 16), np.uint8)
    images[4] = images[1]
    found = find(marked(images, np.array([0, 0, 0, 0, 1, 0])))
    assert found.equal.tolist() == [False, True, False, False, True, False]
    assert found.copy[[1, 4]].tolist() == [4, 1] and found.other_class[[1, 4]].all()


def test_the_coefficients_are_those_of_scipys_cosine_transform() -> None:
    from scipy.fft import dctn

    images = np.random.default_rng(1).integers(0, 256, (3, 3, 20, 20), np.uint8)
    transformed = np.asarray(dctn(np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], images), axes=(1, 2), norm="ortho"))
    expected = transformed[:, :8, :8].reshape(3, -1) / 20
    assert np.allclose(coefficients(images), expected, atol=1e-3)


def test_copies_above_the_limit_are_refused_and_below_it_counted(tmp_path: Path) -> None:
    images = np.random.default_rng(2).integers(0, 256, (20, 1, 16, 16), np.uint8)
    train, test = tmp_path / "train" / "a.safetensors", tmp_path / "test" / "a.safetensors"
    write_shard(train, ImageSet(images[:10], np.zeros(10, np.int64)))
    write_shard(test, ImageSet(images[8:18], np.zeros(10, np.int64)))
    counted = facts([test], [train], 0.2, "test")
    assert counted["across"] == {"train": {"equal": 2, "near": 0, "other_class": 0}}
    with pytest.raises(
        UserError, match=r"2 of 10 images are copies of images of the split 'train', but `copies` is 0\.1"
    ):
        facts([test], [train], 0.1, "test")


def test_an_empty_split_and_one_image_have_no_copies() -> None:
    one = np.zeros((1, 1, 8, 8), np.uint8)
    assert not find(marked(one)).equal.any()
    assert len(find(marked(one[:0]), marked(one)).copy) == 0
    assert copies.find(marked(one), marked(one)).equal.all()
