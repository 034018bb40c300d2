"""The law itself, and the fit of it."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from weightscape.spectra import marchenko_pastur as law


@pytest.mark.parametrize("y", [0.05, 0.5, 0.99, 1.0])
def test_the_distribution_function_is_the_integral_of_the_density(y):
    low, high = (1 - np.sqrt(y)) ** 2, (1 + np.sqrt(y)) ** 2
    for x in np.linspace(low, high, 6)[1:]:
        # x = low + t^2 takes the root out of the lower end
        integral, _ = integrate.quad(
            lambda t: 2 * t**2 * np.sqrt(max(high - low - t**2, 0)) / (2 * np.pi * y * (low + t**2)),
            0,
            np.sqrt(x - low),
        )
        assert law.cumulative(np.array([x]), y)[0] == pytest.approx(integral, abs=1e-6)


def test_quantiles_invert_the_distribution_function():
    levels = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(law.cumulative(law.quantiles(levels, 0.4), 0.4), levels, atol=1e-6)


@pytest.mark.parametrize(("larger", "smaller"), [(400, 400), (600, 200), (2000, 100)])
def test_noise_follows_the_law_and_has_its_edges(larger, smaller):
    noise = 0.3 * np.random.default_rng(0).standard_normal((larger, smaller))
    values = np.linalg.eigvalsh(noise.T @ noise)
    scaled = values / (larger * 0.09)
    assert law.kolmogorov(scaled, smaller / larger) < 0.02
    assert law.wasserstein(scaled, smaller / larger) < 0.02
    low, high = law.edges(larger, smaller, 0.09)
    assert values[-1] == pytest.approx(high, rel=0.03)
    assert values[0] >= low * 0.8


def test_a_heavy_tail_is_far_from_the_law():
    heavy = np.random.default_rng(0).standard_t(1.5, (400, 200))
    values = np.linalg.eigvalsh(heavy.T @ heavy)
    assert law.kolmogorov(values / values.sum() * 200, 0.5) > 0.3


@pytest.mark.parametrize("seed", range(20))
def test_the_simplex_takes_the_path_of_scipy(seed):
    random = np.random.default_rng(seed)
    centre, steps, start = random.random(), 10.0 ** random.integers(0, 8), random.random() + 0.1

    def function(x):
        return float(np.round(steps * abs(x - centre) ** 1.5 + np.sin(20 * x)))  # plateaus and local minima

    expected = optimize.fmin(lambda x: function(x[0]), [start], disp=False)[0]
    assert law.simplex(function, start) == expected


def test_the_density_estimate_is_that_of_scikit_learn():
    from sklearn.neighbors import KernelDensity

    values = np.sort(np.random.default_rng(0).gamma(2.0, size=300))
    grid, density = law.estimate(values)
    theirs = np.exp(KernelDensity(kernel="linear", bandwidth=0.1).fit(values[:, None]).score_samples(grid[:, None]))
    np.testing.assert_allclose(density, theirs, rtol=1e-10)


def test_the_fit_of_noise_finds_unit_scale_and_no_spikes():
    noise = np.random.default_rng(1).standard_normal((600, 200))
    fit = law.fit_bulk(np.linalg.eigvalsh(noise.T @ noise), 600, 200)
    assert fit is not None
    assert fit.sigma == pytest.approx(1.0, abs=0.02)
    assert fit.spikes == 0


@pytest.mark.parametrize(("larger", "smaller"), [(120, 80), (120, 20), (200, 32)])
def test_the_distance_is_wasserstein_1_to_the_law(larger: int, smaller: int) -> None:
    values = np.linalg.svd(np.random.default_rng(0).standard_normal((larger, smaller)), compute_uv=False) ** 2 / larger
    y = smaller / larger
    fine = law.quantiles((np.arange(200_000) + 0.5) / 200_000, y)
    expected = stats.wasserstein_distance(np.sort(values), fine)
    assert law.wasserstein(np.sort(values), y) == pytest.approx(expected, rel=0.01)
