import numpy as np
import pytest

from weightscape.data import digits, splits
from weightscape.errors import UserError

COUNTS = {"train": 2000, "val": 500, "test": 1000, "extra": 1500}


def test_splits_are_disjoint_stratified_and_repeatable() -> None:
    labels = digits.mnist().labels
    rows = splits.split_rows(labels, COUNTS, np.random.default_rng(1))
    joined = np.concatenate(list(rows.values()))
    assert len(np.unique(joined)) == len(joined) == sum(COUNTS.values())
    for name, count in COUNTS.items():
        assert np.abs(np.bincount(labels[rows[name]]) - count / 10).max() <= 1
    again = splits.split_rows(labels, COUNTS, np.random.default_rng(1))
    assert all(np.array_equal(rows[name], again[name]) for name in COUNTS)


def test_more_images_than_there_are_is_said() -> None:
    with pytest.raises(UserError, match=r"6000 images .* has 5000"):
        splits.split_rows(digits.mnist().labels, {"train": 6000}, np.random.default_rng(0))
