"""Correlations and predictions against scipy, statsmodels and loops written out."""

import numpy as np
import pytest
from scipy import stats

from weightscape.metrics.analysis import prediction

FAMILIES = np.array(["a"] * 3 + ["b"] * 3 + ["c"] * 4)


def test_correlation_is_pearsons_and_partial_correlation_that_of_residuals():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 10))
    y = y + x + 2 * z
    assert prediction.correlation(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    r = np.corrcoef([x, y, z])
    textbook = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    found = prediction.link(x, y, z, FAMILIES, 0.95)
    assert found.partial == pytest.approx(textbook)
    assert np.isnan(prediction.correlation(np.ones(10), y))


def test_conditions_that_all_differ_have_fishers_interval_and_equal_families_that_of_their_number():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 10))
    found = prediction.link(x, y, np.arange(10.0), np.arange(10), 0.95)
    expected = stats.pearsonr(x, y).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    pairs = prediction.link(x, y, np.arange(10.0), np.arange(10) // 2, 0.95)
    half = stats.norm.ppf(0.975) / np.sqrt(5 - 3)
    assert np.arctanh([pairs.low, pairs.high]) == pytest.approx(np.arctanh(pairs.r) + np.array([-half, half]))
    assert prediction.effective(np.arange(10) // 2) == 5 and prediction.effective(FAMILIES) == pytest.approx(100 / 34)


@pytest.mark.parametrize("within", [0.0, 0.2, 1.0])
def test_intervals_of_measures_that_families_share_cover(within: float):
    """Measure and outcome are unrelated; both have a shock that the conditions of a family share."""
    rng = np.random.default_rng(4)
    families = np.repeat(np.arange(7), (3, 2, 2, 2, 1, 1, 1))
    covered, found = np.zeros(2), 0
    for _ in range(400):
        shocks, rest = rng.normal(size=(3, 7))[:, families], rng.normal(size=(3, len(families)))
        link = prediction.link(*(shocks + within * rest), families, 0.95)
        covered += [link.low <= 0 <= link.high, link.partial_low <= 0 <= link.partial_high]
        found += 1
    assert (covered / found > 0.93).all()  # 95 % less two standard errors
    # Fisher's interval at the number of conditions covers 88 % of the shared shocks alone.


def test_two_useless_measures_of_families_rarely_differ():
    rng = np.random.default_rng(5)
    families = np.repeat(np.arange(6), (3, 2, 2, 2, 1, 1))
    draws = prediction.resampled(families, rng, 199)
    x, rival, y = rng.normal(size=(3, 300, 6))[:, :, families] + 0.2 * rng.normal(size=(3, 300, len(families)))
    p = [prediction.contest(*each, families, draws, 0.95).p for each in zip(x, rival, y, strict=True)]
    assert np.mean(np.array(p) < 0.05) < 0.05


def test_a_family_left_out_is_predicted_from_the_line_of_the_others():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 10))
    expected = np.empty(10)
    for i in range(10):
        others = FAMILIES[i] != FAMILIES
        expected[i] = (np.polyval(np.polyfit(x[others], y[others], 1), x[i]) - y[i]) ** 2
    assert prediction.left_out(x, y, FAMILIES) == pytest.approx(expected)
    mean = prediction.left_out(np.zeros(10), y, FAMILIES)
    assert mean[0] == pytest.approx((y[3:].mean() - y[0]) ** 2)


def test_whole_families_are_drawn_and_left_out_as_often_as_they_were_drawn():
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(6), 2)
    draws = prediction.resampled(names, rng, 50)
    assert (draws[:, ::2] == draws[:, 1::2]).all() and (draws[:, ::2].sum(axis=1) == 6).all()
    assert ((draws[:, ::2] > 0).sum(axis=1) >= 3).all()
    x, y = rng.normal(size=(2, 12))
    copies = np.repeat(np.arange(12), draws[0].astype(int))
    expected = prediction.left_out(x[copies], y[copies], names[copies])
    found = prediction.left_out(x, y, names, draws)[0]
    assert found[copies] == pytest.approx(expected)


def test_the_measure_that_made_the_outcome_wins_and_its_rival_loses():
    rng = np.random.default_rng(2)
    x, rival = rng.normal(size=(2, 10))
    y = x + 0.05 * rng.normal(size=10)
    six = np.repeat(np.arange(6), (2, 2, 2, 2, 1, 1))
    draws = prediction.resampled(six, rng, 499)
    won = prediction.contest(x, rival, y, six, draws, 0.95)
    lost = prediction.contest(rival, x, y, six, draws, 0.95)
    assert won.high < 0 < lost.low and won.value == pytest.approx(-lost.value)
    assert won.p == pytest.approx(2 / (len(draws) + 1))


def test_few_conditions_and_missing_values_have_no_correlation():
    few = prediction.link(np.arange(4.0), np.arange(4.0), np.ones(4), FAMILIES[:4], 0.95)
    assert few.n == 4 and np.isnan(few.r)
    gap = np.array([np.nan, *np.arange(9.0)])
    assert np.isnan(prediction.link(gap, gap, gap, FAMILIES, 0.95).r)


def test_numbers_that_are_equal_to_rounding_neither_correlate_nor_predict():
    y = np.random.default_rng(7).normal(size=10)
    equal = 0.1 + np.spacing(0.1) * (np.arange(10) % 2)
    assert np.isnan(prediction.correlation(equal, y)) and np.isnan(prediction.correlation(y, equal))
    partial = prediction.link(2 * y, np.flip(y), y, FAMILIES, 0.95).partial
    assert np.isnan(partial)  # the regression leaves nothing but rounding
    x = np.where(FAMILIES == "c", 5.0, equal)  # the others' x does not vary: their mean predicts
    assert prediction.left_out(x, y, FAMILIES)[6:] == pytest.approx((y[:6].mean() - y[6:]) ** 2)
