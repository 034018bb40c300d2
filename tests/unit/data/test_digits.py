import numpy as np

from weightscape.data import digits


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
