"""Eigenvalues above the edge of noise."""

import numpy as np
import pytest

from weightscape.spectra.marchenko_pastur import outliers


def values_of(matrix):
    return np.linalg.eigvalsh(matrix.T @ matrix)


@pytest.mark.parametrize(("larger", "smaller"), [(10, 10), (60, 60), (96, 48), (200, 20), (1000, 10)])
def test_few_noise_matrices_have_any_outlier(larger, smaller):
    random = np.random.default_rng(0)
    draws = 2000
    found = sum(outliers(values_of(random.standard_normal((larger, smaller))), larger).count > 0 for _ in range(draws))
    assert 0.01 <= found / draws <= 0.07


@pytest.mark.parametrize(("larger", "smaller"), [(64, 8), (32, 6), (100, 4), (32, 3)])
def test_of_a_few_columns_noise_has_an_outlier_even_more_rarely(larger, smaller):
    random = np.random.default_rng(0)
    noise = random.standard_normal((2000, larger, smaller))
    values = np.linalg.eigvalsh(noise.swapaxes(1, 2) @ noise)
    found = sum(outliers(row, larger).count > 0 for row in values)
    assert 0 < found / 2000 <= 0.025


@pytest.mark.parametrize("planted", [1, 5, 12])
def test_planted_directions_are_counted(planted):
    random = np.random.default_rng(1)
    left, _ = np.linalg.qr(random.standard_normal((300, planted)))
    right, _ = np.linalg.qr(random.standard_normal((150, planted)))
    strengths = np.linspace(60, 90, planted)  # the edge of the noise is at 29.6
    found = outliers(values_of(random.standard_normal((300, 150)) + left * strengths @ right.T), 300)
    assert found.count == planted
    assert found.variance == pytest.approx(1.0, abs=0.02)
    squares = strengths**2
    moved = (squares + 300) * (squares + 150) / squares  # where noise moves them (Benaych-Georges & Nadakuditi 2012)
    assert found.energy == pytest.approx(moved.sum() / (45000 + squares.sum()), rel=0.05)


def test_the_count_does_not_depend_on_the_scale():
    matrix = np.random.default_rng(2).standard_t(3, (100, 60))
    assert outliers(values_of(matrix), 100).count == outliers(values_of(1e-6 * matrix), 100).count > 0


def test_zeros_have_no_outliers():
    found = outliers(np.zeros(5), 8)
    assert found.count == 0
    assert np.isnan(found.energy)
