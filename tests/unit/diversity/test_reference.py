"""Measures against real rows: literal slow formulas, theory and edges."""

import itertools

import numpy as np
import pytest
from scipy.stats import wasserstein_distance_nd

from weightscape.diversity.reference import (
    energy_distance,
    expected_coverage,
    gaussian_mmd,
    inner_products,
    kid,
    manifold_scores,
    sliced_distance,
    squared_distances_of,
    transport_distance,
)


def distance(x, y):
    return float(np.sqrt(np.sum((x - y) ** 2)))


def radius(row, others, neighbours):
    return sorted(distance(row, other) for other in others)[neighbours]  # [0] is the row itself


def literal_manifold_scores(real, rows, k):
    real_radius = [radius(x, real, k) for x in real]
    set_radius = [radius(y, rows, k) for y in rows]
    inside = [[distance(x, y) < r for y in rows] for x, r in zip(real, real_radius, strict=True)]
    covered = [any(distance(x, y) < r for y, r in zip(rows, set_radius, strict=True)) for x in real]
    return {
        "precision": sum(any(column) for column in zip(*inside, strict=True)) / len(rows),
        "recall": sum(covered) / len(real),
        "density": sum(map(sum, inside)) / (k * len(rows)),
        "coverage": sum(map(any, inside)) / len(real),
    }


def literal_mmd(real, rows, kernel):
    n, m = len(real), len(rows)
    within_real = sum(kernel(x, y) for x, y in itertools.permutations(real, 2)) / (n * (n - 1))
    within_set = sum(kernel(x, y) for x, y in itertools.permutations(rows, 2)) / (m * (m - 1))
    return within_real + within_set - 2 * np.mean([kernel(x, y) for x in real for y in rows])


def squares(real, rows):
    return squared_distances_of(inner_products(real, rows))


@pytest.fixture
def real(rng):
    return rng.standard_normal((24, 3))


@pytest.fixture
def rows(rng):
    return 0.7 * rng.standard_normal((24, 3)) + 0.3


@pytest.mark.parametrize("neighbours", [1, 3, 5, 23])
def test_manifold_scores_equal_the_literal_formulas(real, rows, neighbours):
    expected = literal_manifold_scores(real, rows, neighbours)
    assert manifold_scores(squares(real, rows), neighbours) == pytest.approx(expected)


def test_manifold_scores_of_equal_and_of_distant_sets(real):
    same = manifold_scores(squares(real, real), 5)
    far = manifold_scores(squares(real, real + 1000), 5)
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert set(far.values()) == {0.0}


def test_copies_of_rows_change_no_manifold_score(real, rows):
    assert manifold_scores(squares(real, np.concatenate([rows] * 4)), 3) == pytest.approx(
        manifold_scores(squares(real, rows), 3)
    )


def test_copies_of_real_rows_leave_precision_and_recall(real, rows):
    once, copied = (manifold_scores(squares(some, rows), 3) for some in (real, np.concatenate([real] * 4)))
    assert (copied["precision"], copied["recall"]) == pytest.approx((once["precision"], once["recall"]))


def test_too_few_distinct_rows_span_no_manifold(real, rows):
    few = squares(real, np.concatenate([rows[:3]] * 4))
    assert manifold_scores(few, 3)["recall"] is None
    assert manifold_scores(few, 2)["recall"] is not None


def test_a_mode_that_is_dropped_lowers_recall_and_coverage_and_not_precision(rng):
    real = rng.standard_normal((200, 4)) + 50 * (np.arange(200) % 2)[:, None]
    rows = rng.standard_normal((200, 4))
    found = manifold_scores(squares(real, rows), 5)
    assert found["precision"] > 0.85
    assert found["recall"] < 0.55
    assert found["coverage"] < 0.55


def test_coverage_of_the_real_distribution_is_as_expected(rng):
    drawn = [manifold_scores(squares(*rng.standard_normal((2, 60, 2))), 2)["coverage"] for _ in range(150)]
    standard_error = np.std(drawn) / np.sqrt(150)
    assert abs(np.mean(drawn) - expected_coverage(60, 2)) < 4 * standard_error


def test_expected_coverage_counts_the_orders_of_neighbours():
    # Of 3 real and 3 set rows: the nearest of the 5 others is one of 2 real ones with probability 2 / 5.
    assert expected_coverage(3, 1) == pytest.approx(1 - 2 / 5)
    assert expected_coverage(3, 2) == pytest.approx(1 - 2 / 5 * 1 / 4)


def test_kid_equals_the_literal_formula_as_a_whole_and_in_blocks(real, rows):
    def kernel(x, y):
        return (x @ y / 3 + 1) ** 3

    found = kid(inner_products(real, rows), 3, 10)
    parts = [literal_mmd(real[a : a + 10], rows[a : a + 10], kernel) for a in (0, 10)]
    assert found["value"] == pytest.approx(literal_mmd(real, rows, kernel), rel=1e-10)
    assert (found["blocks"], found["block_rows"]) == (2, 10)
    assert found["block_mean"] == pytest.approx(np.mean(parts), rel=1e-10)
    assert found["block_error"] == pytest.approx(np.std(parts, ddof=1) / np.sqrt(2), rel=1e-10)


def test_unbiased_distances_are_zero_on_average_for_equal_distributions(rng):
    pairs = rng.standard_normal((300, 2, 20, 3))
    values = np.array(
        [
            (
                kid(inner_products(*pair), 3, 20)["value"],
                gaussian_mmd(squares(*pair))["value"],
                energy_distance(squares(*pair)),
            )
            for pair in pairs
        ]
    )
    assert np.all(np.abs(values.mean(axis=0)) < 4 * values.std(axis=0) / np.sqrt(300))
    assert np.all(values.min(axis=0) < 0)


def test_gaussian_mmd_equals_the_literal_formula(real, rows):
    width = np.median([distance(x, y) for x, y in itertools.combinations(real, 2)])
    expected = literal_mmd(real, rows, lambda x, y: np.exp(-(distance(x, y) ** 2) / (2 * width**2)))
    found = gaussian_mmd(squares(real, rows))
    assert found["bandwidth"] == pytest.approx(width, rel=1e-4)  # the median is that of squares
    assert found["value"] == pytest.approx(expected, rel=1e-6)


def test_energy_distance_equals_the_literal_formula(real, rows):
    expected = literal_mmd(real, rows, lambda x, y: -distance(x, y))
    assert energy_distance(squares(real, rows)) == pytest.approx(expected, rel=1e-9)


def test_energy_distance_of_shifted_points_is_known():
    # Two points at 0 and two at 1: 2 * 1 - 0 - 0.
    assert energy_distance(squares(np.zeros((2, 1)), np.ones((2, 1)))) == pytest.approx(2)


def test_transport_is_the_cheapest_of_all_pairings(rng):
    real, rows = rng.standard_normal((2, 6, 2))
    best = min(
        np.mean([distance(real[i], rows[j]) ** 2 for i, j in enumerate(order)])
        for order in itertools.permutations(range(6))
    )
    found = transport_distance(squares(real, rows).between, 6)
    assert found == {"value": pytest.approx(np.sqrt(best)), "method": "exact assignment", "rows": 6}


def test_transport_takes_at_most_the_rows_asked_for(real, rows):
    few = transport_distance(squares(real, rows).between, 5)
    assert few["rows"] == 5
    assert few["value"] == pytest.approx(transport_distance(squares(real[:5], rows[:5]).between, 9)["value"])


def test_transport_lies_above_the_distance_of_order_one(real, rows):
    found = transport_distance(squares(real, rows).between, 24)["value"]
    assert found >= wasserstein_distance_nd(real, rows) - 1e-9


def test_sliced_distance_of_a_shift_is_its_length_over_the_root_of_the_dimensions(rng):
    real = rng.standard_normal((50, 4))
    shift = np.array([3.0, 0, 4, 0])
    found = sliced_distance(real, real[::-1] + shift, 4000, rng)
    assert found["value"] == pytest.approx(5 / np.sqrt(4), rel=0.03)


def test_real_rows_that_do_not_vary_have_no_bandwidth(rng):
    assert gaussian_mmd(squares(np.ones((5, 2)), rng.standard_normal((5, 2))))["value"] is None


def test_copies_of_all_real_rows_change_neither_density_nor_coverage() -> None:
    rng = np.random.default_rng(0)
    real, rows = rng.normal(size=(60, 5)), rng.normal(size=(40, 5))

    def scores(real: np.ndarray, rows: np.ndarray) -> dict[str, float | None]:
        return manifold_scores(squared_distances_of(inner_products(real, rows)), 3)

    plain, copied = scores(real, rows), scores(np.repeat(real, 6, axis=0), rows)
    assert copied["density"] == pytest.approx(plain["density"]) and copied["coverage"] == plain["coverage"]
    assert scores(np.repeat(real, 6, axis=0), np.repeat(real, 6, axis=0))["coverage"] == 1
    assert scores(np.ones((20, 5)), rows)["density"] is None
