"""The weighted Vendi score against its published formula and its invariances."""

import itertools

import numpy as np
import pytest

from unit.diversity.test_measure import SETTINGS
from weightscape.diversity.rows import unit_rows
from weightscape.diversity.weighted import (
    covariance_rho,
    extreme_rho,
    mean_rho,
    paired_rho,
    permuted_rho,
    weighted_scores,
)


@pytest.fixture
def left(rng):
    return unit_rows(rng.standard_normal((6, 4)) + 0.5)


@pytest.fixture
def right(rng):
    return unit_rows(rng.standard_normal((6, 4)) + 0.5)


def test_the_published_rho_is_the_frobenius_cosine(left, right):
    expected = np.trace(left.T @ right) / np.sqrt(np.sum(left**2) * np.sum(right**2))
    assert paired_rho(left, right) == pytest.approx(expected, rel=1e-12)


def test_the_published_rho_depends_on_the_order_of_rows_and_the_others_do_not(left, right, rng):
    turned = np.roll(right, 1, axis=0)
    assert abs(paired_rho(left, right) - paired_rho(left, turned)) > 0.01
    assert covariance_rho(left, right) == pytest.approx(covariance_rho(left, turned), rel=1e-12)
    assert mean_rho(left, right) == pytest.approx(mean_rho(left, turned), rel=1e-12)


def test_the_expected_rho_is_the_mean_over_all_orders(left, right, rng):
    every = [paired_rho(left, right[list(order)]) for order in itertools.permutations(range(6))]
    found = permuted_rho(left, right, 30, rng)
    assert found["expected"] == pytest.approx(np.mean(every), rel=1e-12)
    assert min(every) <= found["min"] <= found["mean"] <= found["max"] <= max(every)
    assert found["min"] <= paired_rho(left, right) <= found["max"]


def test_the_extremes_are_those_of_all_orders(left, right, rng):
    every = [paired_rho(left, right[list(order)]) for order in itertools.permutations(range(6))]
    found = extreme_rho(left, right, 10, rng)
    assert (found["pairs"], found["min"], found["max"]) == pytest.approx((6, min(every), max(every)))


def test_the_extremes_are_taken_on_as_many_pairs_as_asked(left, right, rng):
    assert extreme_rho(left, right, 4, rng)["pairs"] == 4


@pytest.mark.parametrize("rows", [(30, 30), (30, 22), (5, 7)])
def test_the_covariance_rho_equals_its_formula_on_both_routes(rng, rows):
    left, right = (rng.standard_normal((n, 12)) * np.arange(1, 13) for n in rows)
    a, b = np.cov(left.T), np.cov(right.T)
    expected = np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)
    assert covariance_rho(left, right) == pytest.approx(expected, rel=1e-10)


def test_the_covariance_rho_ignores_the_means_and_the_mean_rho_the_spread(rng):
    left, right = rng.standard_normal((20, 5)), rng.standard_normal((25, 5))
    assert covariance_rho(left + 3, right - 1) == pytest.approx(covariance_rho(left, right), rel=1e-10)
    spread = 1 + 5 * (left - left.mean(axis=0))
    assert mean_rho(spread, np.ones((3, 5))) == pytest.approx(1.0)


def test_equal_sets_have_rho_one(left, rng):
    record = weighted_scores(3.0, left, left, SETTINGS, rng)
    assert record["score"]["published"] == pytest.approx(3.0)
    assert record["score"]["covariance"] == pytest.approx(3.0)
    assert record["score"]["mean"] == pytest.approx(3.0)


def test_a_set_that_does_not_vary_has_no_covariance_rho(rng):
    varied, constant = rng.standard_normal((4, 9)), np.ones((4, 9))
    assert covariance_rho(varied, constant) is None
    assert covariance_rho(varied[:, :2], constant[:, :2]) is None
    assert mean_rho(np.array([[1.0, 0], [-1, 0]]), constant[:, :2]) is None


def test_pairs_are_the_first_rows_that_both_have(left, right, rng):
    record = weighted_scores(2.0, right, left[:4], SETTINGS, rng)
    assert record["pairs"] == 4
    assert record["rho"]["published"] == pytest.approx(paired_rho(left[:4], right[:4]))
    assert record["score"]["published"] == pytest.approx(2 * record["rho"]["published"])
    assert record["score"]["permuted_min"] <= record["score"]["published"] <= record["score"]["permuted_max"]


def test_no_permutation_leaves_the_given_order_alone(left, right, rng):
    found = permuted_rho(left, right, 0, rng)
    assert found["min"] == found["max"] == paired_rho(left, right)
    assert found["mean"] is found["sd"] is None


def test_a_mean_row_that_is_zero_to_rounding_has_no_direction():
    angles = 2 * np.pi * np.arange(3) / 3
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert around.mean(axis=0).any()
    assert mean_rho(around, np.ones((3, 2)) / np.sqrt(2)) is None


def test_both_readings_of_the_published_rho_are_there_and_differ_where_rows_differ_in_length(left, right, rng):
    sizes = np.linspace(1, 5, len(left))[:, None]
    record = weighted_scores(2.0, sizes * right, sizes[::-1] * left, SETTINGS, rng)
    x, y = sizes[::-1] * left, sizes * right
    literal = np.trace(x.T @ y) / (np.sqrt(np.trace(x.T @ x)) * np.sqrt(np.trace(y.T @ y)))
    assert record["rho"]["published_raw"] == pytest.approx(literal)
    assert record["score"]["published_raw"] == pytest.approx(2 * literal)
    assert record["rho"]["published"] == pytest.approx(paired_rho(left, right))
    assert abs(record["rho"]["published"] - literal) > 0.01
