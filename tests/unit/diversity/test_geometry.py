"""Mean cosine, spanning tree and cluster entropy against literal loops and cases whose answer is known."""

import itertools

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree

from weightscape.diversity.geometry import (
    cluster_centres,
    cluster_entropy,
    mean_cosine,
    nearest_centres,
    pldiv,
    sampled_pldiv,
    spanning_tree,
)
from weightscape.diversity.rows import squared_distances, unit_rows


def test_mean_cosine_equals_the_mean_over_all_pairs(rng):
    features = rng.standard_normal((15, 4)) + 0.5
    pairs = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in itertools.combinations(features, 2)]
    assert mean_cosine(features) == pytest.approx(np.mean(pairs), rel=1e-12)


def test_blank_rows_are_alike_and_unlike_others():
    assert mean_cosine(np.array([[0.0, 0], [0, 0], [1, 0]])) == pytest.approx(1 / 3)


def test_a_single_row_has_no_mean_cosine():
    assert mean_cosine(np.ones((1, 3))) is None


def test_the_spanning_tree_equals_that_of_scipy(rng):
    squares = squared_distances(*[rng.standard_normal((60, 5))] * 2)
    assert spanning_tree(squares).sum() == pytest.approx(minimum_spanning_tree(squares).sum(), rel=1e-12)
    np.testing.assert_allclose(np.sort(spanning_tree(squares)), np.sort(minimum_spanning_tree(squares).data), rtol=1e-9)


def test_equal_rows_add_no_edge_length():
    # A sparse graph would take the distance 0 for no edge and walk round the duplicate.
    features = np.repeat(np.eye(3), 4, axis=0)
    assert np.sort(spanning_tree(squared_distances(features, features))) == pytest.approx([0] * 9 + [2, 2])


def test_pldiv_of_orthogonal_rows_is_half_of_their_number_less_one():
    assert pldiv(np.eye(5) * np.arange(1, 6)[:, None]) == pytest.approx(4 * 2 / 4)
    assert pldiv(np.ones((5, 3))) == 0


def test_pldiv_is_sampled_without_replacement(rng):
    found = sampled_pldiv(np.eye(12), 6, 4, rng)
    assert (found["rows"], found["draws"]) == (6, 4)
    assert found["mean"] == pytest.approx(5 * 2 / 4)
    assert found["sd"] == pytest.approx(0, abs=1e-12)


def test_clusters_that_lie_apart_are_found(rng):
    centres = np.eye(6)[:4]
    members = np.repeat(np.arange(4), [5, 10, 20, 40])
    directions = unit_rows(centres[members] + 0.02 * rng.standard_normal((75, 6)))
    found = cluster_centres(directions, 4, rng)
    shares = np.array([5, 10, 20, 40]) / 75
    assert cluster_entropy(directions, found) == pytest.approx(-np.sum(shares * np.log(shares)))


def test_fewer_different_rows_than_clusters_give_fewer_clusters(rng):
    directions = unit_rows(np.repeat(np.eye(3), 5, axis=0))
    centres = cluster_centres(directions, 8, rng)
    assert len(centres) == 3
    assert cluster_entropy(directions, centres) == pytest.approx(np.log(3))


def test_equal_rows_have_no_cluster_entropy(rng):
    directions = unit_rows(np.ones((9, 4)))
    assert cluster_entropy(directions, cluster_centres(directions, 3, rng)) == 0


def test_nearest_centres_are_nearest_in_distance(rng):
    directions, centres = unit_rows(rng.standard_normal((50, 6))), 0.7 * rng.standard_normal((5, 7))
    literal = [min(range(5), key=lambda c: np.sum((row - centres[c]) ** 2)) for row in directions]
    assert nearest_centres(directions, centres).tolist() == literal


def test_every_final_centre_is_the_mean_of_its_rows(rng):
    directions = unit_rows(rng.standard_normal((40, 3)))
    centres = cluster_centres(directions, 4, rng)
    chosen = nearest_centres(directions, centres)
    for cluster in range(4):
        np.testing.assert_allclose(centres[cluster], directions[chosen == cluster].mean(axis=0), atol=1e-12)
