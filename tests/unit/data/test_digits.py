import numpy as np
import pytest

from weightscape.data import corruptions, digits
from weightscape.errors import UserError

COUNTS = {"train": 2000, "val": 500, "test": 1000, "extra": 1500}


def test_splits_are_disjoint_stratified_and_repeatable() -> None:
    labels = digits.mnist().labels
    rows = digits.split_rows(labels, COUNTS, np.random.default_rng(1))
    joined = np.concatenate(list(rows.values()))
    assert len(np.unique(joined)) == len(joined) == sum(COUNTS.values())
    for name, count in COUNTS.items():
        assert np.abs(np.bincount(labels[rows[name]]) - count / 10).max() <= 1
    again = digits.split_rows(labels, COUNTS, np.random.default_rng(1))
    assert all(np.array_equal(rows[name], again[name]) for name in COUNTS)


def test_more_images_than_there_are_is_said() -> None:
    with pytest.raises(UserError, match=r"6000 images .* has 5000"):
        digits.split_rows(digits.mnist().labels, {"train": 6000}, np.random.default_rng(0))


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


@pytest.mark.parametrize("kind", corruptions.KINDS)
def test_corruptions_grow_with_severity_and_keep_the_form(kind: str) -> None:
    images = digits.mnist().images[::250]
    changes = []
    for severity in corruptions.SEVERITIES:
        changed = corruptions.corrupt(images, kind, severity, np.random.default_rng(0))
        assert changed.shape == images.shape and changed.dtype == np.uint8
        changes.append(np.abs(changed.astype(float) - images).mean())
    assert changes[0] > 0.5
    assert np.all(np.diff(changes) > 0)


def test_noise_has_the_stated_spread() -> None:
    grey = np.full((20, 1, 28, 28), 128, np.uint8)
    noisy = corruptions.corrupt(grey, "noise", 1, np.random.default_rng(0)).astype(float) / 255
    assert noisy.std() == pytest.approx(corruptions.NOISE[0], rel=0.03)
