"""Interval, goodness of fit and rival laws."""

import warnings

import mpmath
import numpy as np
import pytest

from weightscape.spectra import powerlaw, tail_certainty


def pareto(count, alpha, seed):
    return np.sort((1 - np.random.default_rng(seed).random(count)) ** (-1 / (alpha - 1)))


@pytest.mark.parametrize(("beta", "rate"), [(0.5, 0.3), (2.5, 0.01), (2.01, 1e-6), (-3.0, 2.0), (20.0, 1e-3)])
def test_the_norm_of_the_truncated_law_is_an_exponential_integral(beta, rate):
    log_norm, _, _ = tail_certainty.moments(beta, rate)
    assert log_norm == pytest.approx(float(mpmath.log(mpmath.expint(beta, rate))), abs=1e-11)


def test_moments_are_derivatives_of_the_norm():
    step = 1e-5
    _, expected, covariance = tail_certainty.moments(2.2, 0.05)
    slope = (tail_certainty.moments(2.2 + step, 0.05)[0] - tail_certainty.moments(2.2 - step, 0.05)[0]) / (2 * step)
    assert -slope == pytest.approx(expected[0], rel=1e-8)
    turn = (tail_certainty.moments(2.2, 0.05 + step)[1] - tail_certainty.moments(2.2, 0.05 - step)[1]) / (2 * step)
    np.testing.assert_allclose(-turn, covariance[1], rtol=1e-5)


def test_rivals_equal_those_of_the_powerlaw_package():
    values = pareto(300, 2.5, 0)
    values = values[values < 40]  # so that truncation shows
    ours = tail_certainty.alternatives(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import powerlaw as package

        theirs = package.Fit(values, xmin=values[0], verbose=False, parameter_ranges={"alpha": [1, 50]})
        truncated = theirs.truncated_power_law
        assert ours["truncated_beta"] == pytest.approx(truncated.parameter1, rel=1e-3)
        assert ours["truncated_rate"] == pytest.approx(truncated.parameter2, rel=2e-2)
        for name in ("lognormal", "exponential"):
            ratio, p_value = theirs.distribution_compare("power_law", name, normalized_ratio=True)
            assert ours[f"{name}_ratio"] == pytest.approx(ratio, rel=5e-3)
            assert ours[f"{name}_p"] == pytest.approx(p_value, rel=2e-2)


def test_a_truncated_tail_is_recovered_and_a_pure_one_is_not_rejected():
    random = np.random.default_rng(1)
    drawn = pareto(40_000, 1.6, 2)
    truncated = np.sort(drawn[random.random(len(drawn)) < np.exp(-0.05 * (drawn - 1))])
    found = tail_certainty.alternatives(truncated)
    assert found["truncated_beta"] == pytest.approx(1.6, abs=0.05)
    assert found["truncated_rate"] == pytest.approx(0.05, abs=0.01)
    assert found["truncated_p"] < 1e-6
    rejected = sum(tail_certainty.alternatives(pareto(200, 2.5, seed))["truncated_p"] < 0.05 for seed in range(100))
    assert rejected <= 12


def test_a_tail_heavier_than_the_power_law_lies_on_the_boundary():
    values = np.sort(np.concatenate([pareto(200, 3.5, 0), [1e4]]))
    found = tail_certainty.alternatives(values)
    assert found["truncated_rate"] == 0
    assert found["truncated_p"] == 1


def test_the_interval_covers_a_planted_exponent():
    covered = 0
    for seed in range(60):
        low, high = tail_certainty.interval(pareto(300, 3.0, seed), 20, 100, 0.95, np.random.default_rng(seed))
        covered += low <= 3.0 <= high
    assert covered >= 52


def test_goodness_of_fit_keeps_a_power_law_and_refutes_an_exponential():
    random = np.random.default_rng(3)
    pure, wrong = pareto(300, 2.5, 3), 1 + np.sort(random.exponential(1, 300))
    p_values = []
    for values in (pure, wrong):
        fit = powerlaw.fit(values, 200)
        assert fit is not None
        p_values.append(tail_certainty.goodness(values, fit, 200, 100, random))
    assert p_values[0] > 0.05
    assert p_values[1] < 0.05


def test_equal_laws_have_no_vuong_ratio():
    assert np.isnan(tail_certainty.vuong(np.zeros(10))).all()


@pytest.mark.draws
@pytest.mark.slow
def test_the_interval_covers_at_its_level_over_four_hundred_draws():
    covered = 0
    for seed in range(400):
        low, high = tail_certainty.interval(pareto(200, 3.0, seed), 20, 100, 0.95, np.random.default_rng(seed))
        covered += low <= 3.0 <= high
    assert 368 <= covered <= 392


def test_no_lognormal_is_less_likely_than_its_limit_the_power_law():
    for seed in range(20):
        for size in (25, 100):
            ratios = (1 - np.random.default_rng(seed).random(size)) ** (-1 / 1.5)
            assert tail_certainty.power_law(ratios).sum() <= tail_certainty.lognormal(ratios).sum() + 1e-9
