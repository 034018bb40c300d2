"""Vendi scores against the reference package, the singular values and cases whose answer is known."""

import warnings

import numpy as np
import pytest

from weightscape.diversity import rows as rows_module
from weightscape.diversity.vendi import (
    ORDERS,
    Scorer,
    by_class,
    rarefaction,
    sampled_scores,
    score,
    scores,
    spectrum,
    uniform_noise,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package uses a deprecated name of scipy at import
    from vendi_score import vendi as package


def package_kernel_score(features, order):
    directions = features / np.linalg.norm(features, axis=1)[:, None]
    kernel = directions @ directions.T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tests for a sparse matrix by a deprecated name of scipy
        return package.score_K(kernel, q=order)


def package_order(order):
    return "inf" if np.isinf(order) else order


@pytest.mark.parametrize("shape", [(40, 90), (200, 12), (64, 64), (2, 5)])
@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 3.7, float("inf")])
def test_both_routes_equal_the_package_on_its_exact_kernel(rng, shape, order):
    features = rng.standard_normal(shape) + 0.3
    expected = package_kernel_score(features, package_order(order))
    # The package counts rounding errors as eigenvalues, which the order 1/2 sees where K is not of full rank.
    full_rank = shape[0] <= shape[1]
    assert scores(features, [order])[f"{order:g}"] == pytest.approx(
        expected, rel=1e-9 if full_rank else 1e-6 if order >= 1 else 1e-5
    )


@pytest.mark.parametrize("order", ORDERS)
def test_the_dual_route_equals_the_package(rng, order):
    features = rng.random((300, 40))
    expected = package.score_dual(features, q=package_order(order))
    assert scores(features, [order])[f"{order:g}"] == pytest.approx(expected, rel=1e-9)


def test_order_one_equals_the_package_on_rows(rng):
    features = rng.random((60, 100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = package.score_X(features)
    assert scores(features)["1"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("past", [0, 1e-16, 1e-15, 1e-12, 1e-10, 1e-9, 1e-8, 3e-8, 1e-7, 1e-6])
def test_an_order_beside_one_scores_as_one_does(rng, past):
    eigenvalues = spectrum(rng.standard_normal((40, 9)))
    for order in (1 - past, 1 + past):
        assert score(eigenvalues, order) == pytest.approx(score(eigenvalues, 1), rel=1e-6)


@pytest.mark.parametrize("shape", [(150, 400), (400, 150)])
def test_smooth_images_give_the_scores_of_their_singular_values(rng, shape):
    decay = np.exp(-np.arange(shape[1]) / 4)  # falls below the rounding error of a product
    features = rng.standard_normal(shape) * decay
    singular = np.linalg.svd(features / np.linalg.norm(features, axis=1)[:, None], compute_uv=False)
    shares = singular**2 / shape[0]
    for order in ORDERS:
        exact = score(shares, order)
        assert scores(features, [order])[f"{order:g}"] == pytest.approx(exact, rel=1e-6), order


def test_rounding_errors_do_not_count_as_directions(rng):
    few = rng.standard_normal((5, 500))
    repeated = scores(np.repeat(few, 80, axis=0))  # 395 eigenvalues of K are rounding errors
    assert repeated == pytest.approx(scores(few), rel=1e-9)


@pytest.mark.parametrize("shape", [(50, 300), (300, 50)])
def test_blocks_change_nothing(rng, shape, monkeypatch):
    features = rng.standard_normal(shape)
    whole = spectrum(features)
    monkeypatch.setattr(rows_module, "BLOCK", 1000)
    monkeypatch.setattr(rows_module, "PIECE", 300)
    monkeypatch.setattr("weightscape.diversity.vendi.BLOCK", 1000)
    np.testing.assert_allclose(spectrum(features), whole, rtol=1e-11)


def test_equal_rows_count_as_one_and_orthogonal_rows_as_many():
    alike = scores(np.tile([[1.0, 2.0, 3.0]], (9, 1)))
    apart = scores(np.eye(9) * np.arange(1, 10)[:, None])
    assert alike == pytest.approx(dict.fromkeys(alike, 1.0))
    assert apart == pytest.approx(dict.fromkeys(apart, 9.0))


def test_groups_of_equal_rows_follow_the_renyi_entropy_of_their_sizes():
    sizes = np.array([6, 3, 1])
    shares = sizes / sizes.sum()
    found = scores(np.repeat(np.eye(3), sizes, axis=0))
    assert found["0.5"] == pytest.approx(np.sum(np.sqrt(shares)) ** 2)
    assert found["1"] == pytest.approx(np.prod(shares**-shares))
    assert found["2"] == pytest.approx(1 / np.sum(shares**2))
    assert found["inf"] == pytest.approx(1 / 0.6)


def test_scale_and_order_of_rows_and_rotation_change_nothing(rng):
    features = rng.standard_normal((30, 8))
    rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    moved = (features * rng.uniform(0.1, 10, 30)[:, None])[rng.permutation(30)] @ rotation
    assert scores(moved) == pytest.approx(scores(features), rel=1e-9)


def test_higher_orders_never_score_higher(rng):
    found = list(scores(rng.random((50, 20))).values())
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("width", [3, 40])
def test_blank_rows_are_one_more_kind_of_image(rng, width):
    features = rng.standard_normal((12, width))
    features[:5] = 0
    beside = np.concatenate([features, np.zeros((12, 1))], axis=1)
    beside[:5, -1] = 7.0
    assert scores(features) == pytest.approx(scores(beside), rel=1e-9)
    assert scores(np.zeros((4, width)))["1"] == pytest.approx(1.0)


@pytest.mark.parametrize("magnitude", [1e-200, 1e200])
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_magnitudes_whose_squares_leave_the_floats_are_no_matter(rng, magnitude, shape):
    features = rng.standard_normal(shape)
    assert scores(features * magnitude) == pytest.approx(scores(features), rel=1e-9)


def test_single_precision_rows_are_summed_in_double_precision(rng):
    features = rng.random((2000, 30)).astype(np.float32)
    assert scores(features) == pytest.approx(scores(features.astype(np.float64)), rel=1e-12)


def test_random_directions_reach_what_free_probability_predicts(rng):
    # Marchenko-Pastur law with ratio n / d: the mean squared eigenvalue of K is 1 + n / d (1 - 1 / n).
    found = scores(rng.standard_normal((400, 800)), [2.0])["2"]
    assert found == pytest.approx(400 / (1 + 399 / 800), rel=0.01)


def test_uniform_noise_points_mostly_one_way(rng):
    found = scores(uniform_noise(rng, 300, 1000), [float("inf")])["inf"]
    assert found == pytest.approx(4 / 3, rel=0.01)  # the squared cosine of its mean is 3 / 4


@pytest.mark.parametrize("kept", [0, 2048])
@pytest.mark.parametrize("width", [6, 50])
def test_a_part_scores_as_its_rows_do_alone(rng, monkeypatch, kept, width):
    monkeypatch.setattr("weightscape.diversity.vendi.KERNEL_ROWS", kept)
    features = rng.standard_normal((30, width))
    features[:3] = 0
    part = np.arange(0, 30, 2)
    assert Scorer(features)(part) == pytest.approx(scores(features[part]), rel=1e-9)


def test_draws_are_without_replacement(rng):
    features = np.eye(10)
    assert sampled_scores(Scorer(features), 4, 20, rng)["mean"]["1"] == pytest.approx(4.0)
    assert sampled_scores(Scorer(features), 4, 20, rng)["sd"]["1"] == pytest.approx(0.0, abs=1e-9)


def test_a_draw_of_all_rows_is_taken_once(rng):
    features = rng.standard_normal((10, 4))
    found = sampled_scores(Scorer(features), 25, 5, rng)
    assert (found["rows"], found["draws"], found["sd"]["1"]) == (10, 1, None)
    assert found["mean"]["1"] == pytest.approx(scores(features)["1"])


def test_the_curve_uses_sizes_up_to_half_of_the_set_and_rises(rng):
    curve = rarefaction(Scorer(rng.standard_normal((100, 60))), [50, 5, 20, 51, 20], 4, rng)
    assert [point["rows"] for point in curve] == [5, 20, 50]
    means = [point["mean"]["1"] for point in curve]
    assert means == sorted(means)


def test_each_class_is_scored_by_itself(rng):
    labels = np.array([3] * 6 + [7] * 9 + [8])
    features = rng.standard_normal((16, 20))
    features[:6] = 1
    classes = by_class(Scorer(features), labels, 4, 3, rng)
    assert [(each["class"], each["rows"], each["common"]["rows"]) for each in classes] == [
        (3, 6, 3),
        (7, 9, 4),
        (8, 1, 1),
    ]
    assert classes[0]["common"]["mean"]["1"] == pytest.approx(1)
    assert classes[1]["common"]["mean"]["1"] > 2
    assert classes[1]["whole"]["1"] == pytest.approx(scores(features[6:15])["1"])


def test_a_negative_order_is_refused():
    with pytest.raises(ValueError, match=r"order must be at least 0, got -1"):
        score(np.array([0.5, 0.5]), -1)


@pytest.mark.parametrize("order", [0, 0.5, 1.0, 2.0, float("inf")])
@pytest.mark.parametrize("left", [0.0, 1e-319, 5e-324, 1e-18, -1e-18])
def test_what_is_left_of_zero_eigenvalues_changes_no_score(order, left):
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    assert score(np.append(np.full(6, left), shares), order) == pytest.approx(score(shares, order), rel=1e-13)


def test_what_are_no_eigenvalues_of_a_kernel_have_no_score():
    with np.errstate(invalid="ignore"):
        assert np.isnan(score(np.array([-0.5, 0.5, 1.0]), 1.0))
