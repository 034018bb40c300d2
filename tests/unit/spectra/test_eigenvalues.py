"""Squared singular values by way of the Gram matrix."""

import numpy as np
import pytest

from weightscape.spectra import eigenvalues
from weightscape.spectra.eigenvalues import rank, smallest_squared, squared_singular_values
from weightscape.spectra.overlaps import decompose


def exact(matrix):
    return np.sort(np.linalg.svd(matrix.astype(np.float64), compute_uv=False) ** 2)


@pytest.mark.parametrize("shape", [(40, 40), (150, 150), (300, 140), (20, 200), (7, 1)])
def test_eigenvalues_equal_squared_singular_values(shape):
    slices = np.random.default_rng(0).standard_normal((3, *shape))
    expected = np.stack([exact(item) for item in slices])
    found = squared_singular_values(slices)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14 * expected.max())
    assert found.min() == pytest.approx(expected.min(), rel=1e-9, abs=0)


def test_the_smallest_value_of_a_near_singular_square_matrix_is_exact():
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.standard_normal((200, 200)))[0] for _ in range(2))
    singular = np.concatenate([[3e-5], np.linspace(1e-2, 1.0, 199)])
    matrix = left * singular @ right
    assert squared_singular_values(matrix[None])[0, 0] == pytest.approx(9e-10, rel=1e-9, abs=0)
    # the Gram matrix alone does not hold it
    assert abs(np.linalg.eigvalsh(matrix.T @ matrix)[0] / 9e-10 - 1) > 1e-9


@pytest.mark.parametrize("shape", [(130, 130), (190, 130), (130, 190)])
def test_inverse_iteration_finds_the_smallest_singular_value_of_either_orientation(shape):
    matrix = np.random.default_rng(2).standard_normal(shape)
    assert smallest_squared(matrix) == pytest.approx(exact(matrix)[0], rel=1e-10, abs=0)


def test_rank_of_a_rank_deficient_matrix_is_found():
    random = np.random.default_rng(3)
    matrix = random.standard_normal((200, 150)) @ np.diag(np.arange(150) < 37) @ random.standard_normal((150, 150))
    found = squared_singular_values(np.stack([matrix, 2 * matrix]))
    assert [rank(row, 200) for row in found] == [37, 37]
    assert np.linalg.matrix_rank(matrix) == 37


def test_eigenvalues_do_not_change_under_transposition_permutation_and_rotation():
    random = np.random.default_rng(4)
    matrix = random.standard_normal((60, 40))
    rotation = np.linalg.qr(random.standard_normal((60, 60)))[0]
    values = squared_singular_values(matrix[None])
    for other in (matrix.T, matrix[random.permutation(60)], rotation @ matrix):
        np.testing.assert_allclose(squared_singular_values(other[None]), values, rtol=1e-10)


def test_half_precision_is_measured_in_float64():
    matrix = np.random.default_rng(5).standard_normal((50, 30)).astype(np.float16)
    np.testing.assert_allclose(squared_singular_values(matrix[None])[0], exact(matrix), rtol=1e-10)


@pytest.mark.parametrize("size", [20, 90])
def test_values_that_come_with_leading_vectors_are_the_same(size):
    slices = np.random.default_rng(6).standard_normal((2, size + 10, size))
    np.testing.assert_allclose(decompose(slices, 5)[0], squared_singular_values(slices), rtol=1e-10)


def test_zeros_have_zero_eigenvalues():
    assert not squared_singular_values(np.zeros((2, 5, 4))).any()


@pytest.mark.parametrize("size", [1e-150, 1e-80, 1e80, 1e150])
@pytest.mark.parametrize("vectors", [0, 3])
def test_weights_of_any_size_have_their_eigenvalues(size, vectors):
    matrix = np.random.default_rng(7).standard_normal((50, 40))
    found = decompose(size * matrix[None], vectors)[0] if vectors else squared_singular_values(size * matrix[None])
    np.testing.assert_allclose(np.sqrt(found[0]) / size, np.sqrt(exact(matrix)), rtol=1e-9)


EMPTY = {
    "rows of a square": ((150, 150), [3, 70], []),
    "columns of a square": ((150, 150), [], [0, 149]),
    "both": ((60, 50), [1, 2, 3], [4]),
    "so many rows that fewer are left than columns": ((150, 140), range(20), []),
    "rows of a wide matrix": ((40, 200), [39], []),
    "all but one": ((30, 20), range(1, 30), range(1, 20)),
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("size", [0.0, 1e-300, 1e-38, 1e-18])
def test_empty_filters_need_no_singular_value_decomposition(name, size, monkeypatch):
    shape, rows, columns = EMPTY[name]
    slices = np.random.default_rng(8).standard_normal((3, *shape))
    slices[1, list(rows)] *= size
    slices[1, :, list(columns)] *= size
    expected = np.stack([exact(matrix) for matrix in slices])
    monkeypatch.setattr(eigenvalues, "by_svd", lambda _: pytest.fail("took the slow way"))
    found = squared_singular_values(slices)
    scale = np.sqrt(expected.max())
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(expected), rtol=1e-9, atol=1e-15 * scale)
    np.testing.assert_allclose(np.sqrt(decompose(slices, 2)[0]), np.sqrt(expected), rtol=1e-9, atol=1e-15 * scale)


def test_the_smallest_value_costs_no_second_gram_matrix(monkeypatch):
    slices = np.random.default_rng(9).standard_normal((4, 300, 300))
    made = []
    product = eigenvalues.gram
    monkeypatch.setattr(eigenvalues, "gram", lambda matrix: made.append(len(matrix)) or product(matrix))
    expected = np.stack([exact(matrix) for matrix in slices])
    assert squared_singular_values(slices).min() == pytest.approx(expected.min(), rel=1e-9, abs=0)
    assert made == [1] * 4


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_the_order_in_which_slices_are_solved_changes_nothing(order):
    slices = np.random.default_rng(10).standard_normal((6, 200, 200))

    def share(work, items):
        return [work(item) for item in items[order]][order]

    np.testing.assert_array_equal(squared_singular_values(slices, share), squared_singular_values(slices))
