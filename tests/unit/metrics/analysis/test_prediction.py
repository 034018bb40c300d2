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


def test_the_interval_of_a_correlation_is_fishers_and_covers():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 10))
    found = prediction.link(x, y, np.arange(10.0), FAMILIES, 0.95)
    expected = stats.pearsonr(x, y).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    covered = 0
    for _ in range(400):
        x, y, z = rng.normal(size=(3, 6))
        link = prediction.link(x, y, z, FAMILIES[:6], 0.95)
        covered += link.low <= 0 <= link.high
    assert covered > 370  # 92.5 %; 380 expected


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


def test_conditions_are_resampled_within_families():
    picks = prediction.resampled(FAMILIES, np.random.default_rng(0), 50)
    assert (FAMILIES[picks] == FAMILIES).all() and len(np.unique(picks[:, 0])) == 3


def test_the_measure_that_made_the_outcome_wins_and_its_rival_loses():
    rng = np.random.default_rng(2)
    x, rival = rng.normal(size=(2, 10))
    y = x + 0.05 * rng.normal(size=10)
    picks = prediction.resampled(FAMILIES, rng, 499)
    won = prediction.contest(x, rival, y, FAMILIES, picks, 0.95)
    lost = prediction.contest(rival, x, y, FAMILIES, picks, 0.95)
    assert won.high < 0 < lost.low and won.value == pytest.approx(-lost.value)
    assert won.p == pytest.approx(2 / 500)


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
