"""Contrasts, standardised effects, slopes, equivalence and Holm against statsmodels, scipy and written-out formulas."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_ind

from weightscape.metrics import effects
from weightscape.metrics.analysis import contrasts, dose_curves
from weightscape.metrics.analysis.design import Design, difference


def values_of(design: Design, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(size=24)
    values[design.rows["augment", "strong"]] = 2 + scale * values[design.rows["augment", "strong"]]
    return values


def test_an_interval_is_the_wider_of_pooled_and_welch(design: Design):
    values = values_of(design)
    found = contrasts.contrast(design, values, design.effect("augment", "strong"))
    table = pd.DataFrame({"y": values[:12], "dose": np.repeat(["a_baseline", "weak", "strong"], 4)})
    pooled = smf.ols("y ~ C(dose)", table).fit()
    low, high = pooled.conf_int().loc["C(dose)[T.strong]"]
    welch = stats.ttest_ind(values[8:12], values[:4], equal_var=False)
    ends = welch.confidence_interval(0.95)
    expected = max([(high - low, low, high), (ends.high - ends.low, ends.low, ends.high)])
    assert (found.low, found.high) == pytest.approx(expected[1:])
    assert found.p == pytest.approx(max(pooled.pvalues["C(dose)[T.strong]"], welch.pvalue))
    assert found.pooled == pytest.approx(np.sqrt(pooled.scale)) and found.pooled_df == pooled.df_resid == 9
    assert found.runs == 8


def test_the_interval_is_pooled_beside_a_wide_dose_and_welchs_for_a_wide_dose(design: Design):
    values = values_of(design)
    values[design.rows["augment", "weak"]] *= 20
    assert contrasts.contrast(design, values, design.effect("augment", "strong")).df == 9
    values = values_of(design, 20.0)
    found = contrasts.contrast(design, values, design.effect("augment", "strong"))
    welch = stats.ttest_ind(values[8:12], values[:4], equal_var=False)
    assert found.df == pytest.approx(welch.df) and found.statistic == pytest.approx(welch.statistic)


def test_a_contrast_of_two_families_has_satterthwaites_degrees_of_freedom(design: Design):
    values = values_of(design)
    weights = difference(design.effect("augment", "strong"), design.effect("dropout", "weak"))
    (variance, df), _, total = contrasts._pooled(design, values, weights)
    s = [
        np.mean([values[design.rows[f, d]].var(ddof=1) for d in ("baseline", "weak", "strong")])
        for f in ("augment", "dropout")
    ]
    assert variance == pytest.approx((s[0] + s[1]) * 2 / 4)
    assert df == pytest.approx((s[0] + s[1]) ** 2 / (s[0] ** 2 / 9 + s[1] ** 2 / 9)) and total == 18


def test_columns_are_tested_as_if_alone(design: Design):
    columns = np.random.default_rng(0).normal(size=(24, 3))
    weights = design.effect("dropout", "strong")
    together = contrasts.contrast(design, columns, weights)
    for k in range(3):
        alone = contrasts.contrast(design, columns[:, k], weights)
        assert (together.low[k], together.p[k]) == pytest.approx((float(alone.low), float(alone.p)))


def test_single_runs_have_an_estimate_and_no_interval():
    single = Design.of(pd.DataFrame({"family": ["a", "a"], "dose": ["baseline", "x"], "number": [0.0, 1.0]}))
    found = contrasts.contrast(single, np.array([1.0, 3.0]), single.effect("a", "x"))
    assert found.value == 2 and np.isnan([found.low, found.high, found.p, found.error]).all()


def test_values_that_never_vary_are_certain_or_nothing(design: Design):
    values = np.zeros(24)
    assert contrasts.contrast(design, values, design.effect("augment", "strong")).p == 1
    values[design.rows["augment", "strong"]] = 1
    assert contrasts.contrast(design, values, design.effect("augment", "strong")).p == 0


@pytest.mark.parametrize("df", [4, 8, 40])
def test_hedges_factor_makes_the_standardised_difference_unbiased(df: int):
    rng = np.random.default_rng(0)
    spread = np.sqrt(rng.chisquare(df, 400_000) / df)
    assert float(effects.hedges(df)) * np.mean(1 / spread) == pytest.approx(1, abs=0.01)
    assert float(effects.hedges(df)) == pytest.approx(1 - 3 / (4 * df - 1), abs=0.004)


def test_a_slope_is_that_of_least_squares(design: Design):
    values = values_of(design)
    x = dose_curves.by_number(design, "augment")
    assert x == {"baseline": 0.0, "weak": 1.0, "strong": 3.0}
    found = dose_curves.slope(design, values, "augment", x)
    assert found is not None
    line = stats.linregress(np.repeat([0.0, 1.0, 3.0], 4), values[:12])
    assert found.value == pytest.approx(line.slope)


def test_lack_of_fit_is_the_f_test_of_nested_models(design: Design):
    values = values_of(design)
    table = pd.DataFrame({"y": values[:12], "x": np.repeat([0.0, 1.0, 3.0], 4)})
    line, means = smf.ols("y ~ x", table).fit(), smf.ols("y ~ C(x)", table).fit()
    found = dose_curves.lack_of_fit(design, values, "augment", dose_curves.by_number(design, "augment"))
    assert found == pytest.approx(means.compare_f_test(line)[1])


@pytest.mark.parametrize("margin", [0.3, 1.5, 4.0])
def test_equivalence_is_statsmodels_two_one_sided_tests(margin: float):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=6), rng.normal(0.3, size=6)
    error = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2 * 2 / 6)
    found = contrasts.two_one_sided(x.mean() - y.mean(), error, 10, margin, 0.05)
    assert found.p == pytest.approx(ttost_ind(x, y, -margin, margin)[0])
    edge = contrasts.two_one_sided(x.mean() - y.mean(), error, 10, found.smallest, 0.05)
    assert edge.p == pytest.approx(0.05)


def test_the_smallest_margin_of_a_root_mean_square_is_where_its_test_passes():
    for mean_error in (0.0, 0.3):
        found = contrasts.upper_bound(2.0, 0.5, 7, 1.0, 0.05, mean_error)
        assert found.p > 0.9 and found.low == 0
        edge = contrasts.upper_bound(2.0, 0.5, 7, found.smallest, 0.05, mean_error)
        assert edge.p == pytest.approx(0.05)


def test_a_mean_square_at_its_margin_passes_in_a_twentieth_of_studies():
    rng = np.random.default_rng(0)
    draws = rng.normal(4.0, 1.0, size=(4000, 6))
    mean, error = draws.mean(axis=1), draws.std(axis=1, ddof=1) / np.sqrt(6)
    passed = [
        contrasts.upper_bound(m**2 - e**2, 2 * abs(m) * e, 5, 4.0, 0.05, e).p < 0.05
        for m, e in zip(mean, error, strict=True)
    ]
    assert stats.binomtest(sum(passed), 4000).proportion_ci(0.99).low <= 0.05 <= np.mean(passed) + 0.02


def test_holm_is_statsmodels_holm_and_passes_over_tests_that_could_not_be_made():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    expected = multipletests(p, method="holm")[1]
    assert contrasts.holm(p) == pytest.approx(expected)
    with_gap = contrasts.holm([p[0], float("nan"), *p[1:]])
    assert np.isnan(with_gap[1]) and with_gap[:1] + with_gap[2:] == pytest.approx(expected)
    assert np.isnan(contrasts.holm([float("nan")])).all() and contrasts.holm([]) == []


def test_homogeneity_is_bartletts_test_and_unknown_without_spread(design: Design):
    values = values_of(design, 5.0)
    expected = stats.bartlett(values[:4], values[4:8], values[8:12]).pvalue
    assert contrasts.homogeneity(design, values, "augment") == pytest.approx(expected)
    assert np.isnan(contrasts.homogeneity(design, np.zeros(24), "augment"))


def test_levels_that_are_equal_to_rounding_have_no_slope(design: Design):
    levels = {"baseline": 0.1, "weak": 0.1, "strong": float(np.nextafter(0.1, 1))}
    assert dose_curves.slope_weights(design, "augment", levels) == {}
