"""Directions, distances and draws of rows."""

import numpy as np
import pytest

from weightscape.diversity.rows import check_rows, draw, squared_distances, unit_rows


def test_directions_have_length_one_and_blank_rows_one_of_their_own(rng):
    features = rng.standard_normal((5, 3))
    features[2] = 0
    directions = unit_rows(features)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    assert directions[2].tolist() == [0, 0, 0, 1]
    assert directions[[0, 1, 3, 4], 3].tolist() == [0, 0, 0, 0]


def test_directions_leave_the_features_as_they_were(rng):
    features = rng.standard_normal((5, 3))
    before = features.copy()
    unit_rows(features)
    np.testing.assert_array_equal(features, before)


def test_squared_distances_equal_the_literal_formula(rng):
    left, right = rng.standard_normal((7, 4)), rng.standard_normal((5, 4))
    literal = [[np.sum((x - y) ** 2) for y in right] for x in left]
    np.testing.assert_allclose(squared_distances(left, right), literal, rtol=1e-10)


def test_equal_rows_have_distance_exactly_zero(rng):
    features = rng.random((40, 300)) * 10
    assert np.all(np.diagonal(squared_distances(features, features)) == 0)


def test_draws_hold_no_row_twice(rng):
    for _ in range(50):
        drawn = draw(rng, 12, 7)
        assert len(set(drawn.tolist())) == 7
        assert drawn.tolist() == sorted(drawn)
    assert draw(rng, 3, 9).tolist() == [0, 1, 2]


def test_draws_take_every_row_equally_often(rng):
    counts = np.bincount(np.concatenate([draw(rng, 10, 3) for _ in range(4000)]), minlength=10)
    assert np.all(np.abs(counts - 1200) < 5 * np.sqrt(1200 * 0.7))


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (np.ones((2, 2), dtype=int), "features must be floats"),
        (np.ones(3), "features must be floats"),
        (np.ones((0, 2)), "at least 1 rows"),
        (np.ones((2, 0)), "one dimension"),
        (np.array([[1.0, np.nan]]), "must be finite"),
        (np.array([[1.0, -np.inf]]), "must be finite"),
    ],
)
def test_rows_that_no_measure_can_use_are_refused(features, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_rows("features", features)
