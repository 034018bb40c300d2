"""Validation splits that are too small to tell a drop of the accuracy by."""

import numpy as np
import pytest

from weightscape.study.checks.resolution import notes


@pytest.mark.parametrize(("images", "told"), [(90, True), (200, True), (500, False), ("all", False)])
def test_a_small_validation_split_is_told_with_the_number_that_would_do(images: int | str, told: bool) -> None:
    config = {
        "study": {"datasets": ["own"]},
        "analyse": {"max_drop": 0.05},
        "data": {"own": {"splits": {"val": images}}},
    }
    found = notes(config)
    assert len(found) == told
    if told:
        assert "take at least 288 images" in found[0]


def test_the_error_is_that_of_drawn_accuracies() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.binomial(90, 0.9, (20_000, 2)) / 90
    config = {
        "study": {"datasets": ["own"]},
        "analyse": {"max_drop": 0.01},
        "data": {"own": {"splits": {"val": 90}}},
    }
    assert f"about {100 * (drawn[:, 0] - drawn[:, 1]).std():.1f} points" in notes(config)[0]
