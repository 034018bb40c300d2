"""Scale-free summaries, overlaps, null, windows and phases."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from weightscape.spectra import estimators, scale_free, weightwatcher
from weightscape.spectra.overlaps import decompose, overlap, update_overlaps


def test_effective_rank_and_participation_ratio_count_equal_values():
    values = np.array([0.0, 0.0, 2.0, 2.0, 2.0])
    assert scale_free.effective_rank(values) == pytest.approx(3)
    assert scale_free.participation_ratio(values) == pytest.approx(3)
    assert scale_free.participation_ratio(np.array([1.0, 3.0])) == pytest.approx(16 / 10)


def test_spacing_ratios_of_random_matrices_and_of_independent_levels():
    random = np.random.default_rng(0)
    noise = random.standard_normal((900, 600))
    symmetric = random.standard_normal((800, 800))
    assert scale_free.spacing_ratio(np.linalg.eigvalsh(noise.T @ noise)) == pytest.approx(0.5307, abs=0.03)
    assert scale_free.spacing_ratio(np.linalg.eigvalsh(symmetric + symmetric.T)) == pytest.approx(0.5307, abs=0.03)
    assert scale_free.spacing_ratio(np.sort(random.random(5000))) == pytest.approx(0.3863, abs=0.015)


def test_spacing_ratio_of_fewer_than_three_or_equal_levels_is_not_defined():
    assert np.isnan(scale_free.spacing_ratio(np.array([1.0, 2.0])))
    assert np.isnan(scale_free.spacing_ratio(np.ones(5)))


def test_hill_recovers_a_planted_exponent():
    values = np.sort((1 - np.random.default_rng(1).random(20_000)) ** (-1 / 1.7))
    assert scale_free.hill(values) == pytest.approx(2.7, abs=0.05)


def test_hill_is_its_formula_on_five_values():
    values = np.array([1.0, 2.0, 3.0, 5.0, 8.0])
    assert scale_free.hill(values) == pytest.approx(1 + 2 / (np.log(8 / 3) + np.log(5 / 3)))


@pytest.mark.parametrize("shape_", [(30, 20), (20, 30), (120, 60), (60, 120), (64, 64)])
def test_leading_vectors_are_those_of_the_svd(shape_):
    matrix = np.random.default_rng(2).standard_normal(shape_)
    (found,) = decompose(matrix[None], 6)[1]
    left, _, right = np.linalg.svd(matrix)
    assert overlap(found.left, left[:, :6]) == pytest.approx(1)
    assert overlap(found.right, right[:6].T) == pytest.approx(1)
    np.testing.assert_allclose(found.left.T @ found.left, np.eye(6), atol=1e-12)


def test_overlaps_of_noise_are_at_their_random_expectation():
    random = np.random.default_rng(3)
    three = [decompose(random.standard_normal((40, 90, 50)), 8)[1] for _ in range(3)]
    columns = update_overlaps(*three)
    for name in ("before", "after"):
        for side in ("left", "right"):
            expected = columns[f"overlap_random_{side}"]
            assert columns[f"overlap_{name}_{side}"] == pytest.approx(expected, rel=0.15)
    assert columns["overlap_random_left"] == 8 / 90
    assert columns["overlap_random_right"] == 8 / 50


def test_the_null_keeps_entries_and_removes_structure():
    random = np.random.default_rng(4)
    matrix = random.standard_normal((80, 60)) + 3 * np.outer(random.standard_normal(80), random.standard_normal(60))
    values = weightwatcher.permuted_values(matrix[None], np.random.default_rng(0))
    assert values.sum() == pytest.approx((matrix**2).sum())
    assert values[-1] < 0.1 * np.linalg.norm(matrix, 2) ** 2
    np.testing.assert_array_equal(values, weightwatcher.permuted_values(matrix[None], np.random.default_rng(0)))


def test_the_distance_to_the_null_is_that_of_scipy():
    one, other = np.random.default_rng(5).random((2, 40))
    assert weightwatcher.jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other))


def test_the_fixed_aspect_exponent_does_not_follow_the_aspect_ratio_as_hill_does():
    random = np.random.default_rng(6)
    tall, square = random.standard_normal((1, 1024, 128)), random.standard_normal((1, 512, 512))
    by_hill = [scale_free.hill(np.linalg.eigvalsh(item[0].T @ item[0])) for item in (tall, square)]
    by_window = [scale_free.fixed_aspect_exponent(item, 64, 64, 64) for item in (tall, square)]
    assert abs(by_hill[0] - by_hill[1]) > 1
    assert abs(by_window[0] - by_window[1]) < 0.1


def test_a_matrix_smaller_than_the_window_has_no_fixed_aspect_exponent():
    assert np.isnan(scale_free.fixed_aspect_exponent(np.ones((1, 63, 200)), 64, 64, 64))


def test_windows_are_moved_over_either_orientation():
    matrix = np.random.default_rng(7).standard_normal((1, 96, 200))
    assert scale_free.fixed_aspect_exponent(matrix, 64, 32, 16) == pytest.approx(
        scale_free.fixed_aspect_exponent(np.swapaxes(matrix, 1, 2), 64, 32, 16), rel=1e-9
    )


BULK = {
    "num_evals": 100, "rank": 100, "mp_kolmogorov": 0.1, "num_outliers": 0, "outlier_edge": 2.0,
    "spectral_norm": 10.0, "ww_scale": 1.0, "tail_alpha": 3.0, "tail_size": 40,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "random-like"),
        ({"num_outliers": 3}, "bulk+spikes"),
        ({"num_outliers": 3, "spectral_norm": 2.5}, "bleeding-out"),
        ({"mp_kolmogorov": 0.5}, "heavy-tailed"),
        ({"mp_kolmogorov": 0.5, "tail_alpha": 5.0}, "bulk-decay"),
        ({"mp_kolmogorov": 0.5, "tail_size": 10}, "bulk-decay"),
        ({"rank": 30}, "rank-collapse"),
    ],
)
def test_each_phase_follows_its_rule(change, expected):
    assert estimators.phase(BULK | change) == expected


def test_without_a_bulk_there_is_no_phase():
    assert estimators.phase({"num_evals": 4, "rank": 4}) is None


@pytest.mark.parametrize(("slices", "rows", "replicas"), [(1, 12, 5), (9, 11, 5), (9, 12, 1), (1, 100, 1)])
def test_five_permutations_are_drawn_where_eigenvalues_are_fewer_than_a_hundred(slices, rows, replicas, monkeypatch):
    drawn = []
    monkeypatch.setattr(weightwatcher, "permuted_values", lambda *_: drawn.append(1) or np.ones(1))
    weightwatcher.largest(np.ones((slices, 120, rows)), np.ones(slices * rows), np.random.default_rng(0))
    assert 1 + len(drawn) == replicas
