"""Contrasts, standardised effects, slopes, equivalence and Holm against statsmodels, scipy and written-out formulas."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import optimize, special, stats
from statsmodels.stats.multitest import multipletests

from unit.metrics import simulated_studies as simulate
from weightscape.metrics import effects
from weightscape.metrics.analysis import contrasts, dose_curves
from weightscape.metrics.analysis.design import Design, difference


def values_of(design: Design, scale: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(size=24)
    values[design.rows["augment", "strong"]] = 2 + scale * values[design.rows["augment", "strong"]]
    return values


def literal(design: Design, values: np.ndarray, weights: dict, level: float = 0.95) -> tuple[float, float, float]:
    """Low, high and df of a contrast, by the formulas of the module written out for one column."""
    own = {c: float(values[at].var(ddof=1)) for c, at in design.rows.items()}
    df = {c: len(at) - 1 for c, at in design.rows.items()}
    total = sum(df.values())
    pooled = sum(df[c] * own[c] for c in own) / total
    e = [np.log(own[c]) - special.digamma(df[c] / 2) + np.log(df[c] / 2) for c in own]
    excess = np.var(e, ddof=1) - np.mean([special.polygamma(1, d / 2) for d in df.values()])
    prior = np.inf if excess <= 0 else 2 * optimize.brentq(lambda y: special.polygamma(1, y) - excess, 1e-6, 1e6)
    prior = min(prior, 4, len(own) / 6)
    drawn = {c: max(own[c], (prior * pooled + df[c] * own[c]) / (prior + df[c])) for c in own}
    parts = {c: w**2 * drawn[c] / len(design.rows[c]) for c, w in weights.items() if w}
    freedom = min(sum(parts.values()) ** 2 / sum(v**2 / (prior + df[c]) for c, v in parts.items()), total)
    value = sum(w * values[design.rows[c]].mean() for c, w in weights.items())
    half = stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(sum(parts.values()))
    return value - half, value + half, freedom


@pytest.mark.parametrize("scale", [0.05, 1.0, 8.0])
def test_an_interval_is_that_of_moderated_variances(design: Design, scale: float):
    values = values_of(design, scale)
    for weights in (
        design.effect("augment", "strong"),
        difference(design.effect("augment", "strong"), design.effect("dropout", "weak")),
    ):
        found = contrasts.contrast(design, values, weights)
        low, high, df = literal(design, values, weights)
        assert (found.low, found.high, found.df) == pytest.approx((low, high, df))
        assert found.p == pytest.approx(2 * stats.t.sf(abs(found.statistic), found.df))


def test_a_pool_has_its_own_share_in_the_error_and_welchs_test_stands_beside():
    design = pooled_design(12, 3)
    values = np.random.default_rng(0).normal(size=18)
    weights = design.effect("augment", "strong")
    found = contrasts.contrast(design, values, weights)
    assert (found.low, found.high, found.df) == pytest.approx(literal(design, values, weights))
    welch = stats.ttest_ind(values[12:15], values[:12], equal_var=False)
    assert found.welch_p == pytest.approx(welch.pvalue) and found.runs == 15


def pooled_design(pool: int, runs: int) -> Design:
    """The pool, then one dose of two families."""
    rows = (
        [("baseline", "baseline", 0.0)] * pool
        + [("augment", "strong", 1.0)] * runs
        + [("dropout", "strong", 1.0)] * runs
    )
    return Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))


def test_families_share_the_error_of_the_pool():
    design = pooled_design(12, 4)
    one, other = design.effect("augment", "strong"), design.effect("dropout", "strong")
    apart = difference(one, other)
    assert {c: w for c, w in apart.items() if w} == {("augment", "strong"): 1.0, ("dropout", "strong"): -1.0}
    values = np.random.default_rng(0).normal(size=(20, 4000))
    means = [sum(w * values[design.rows[c]].mean(axis=0) for c, w in weights.items()) for weights in (one, other)]
    assert np.corrcoef(means)[0, 1] == pytest.approx((1 / 12) / (1 / 12 + 1 / 4), abs=0.05)
    assert contrasts.contrast(design, values, apart).runs == 8


@pytest.mark.parametrize(("seeds", "pool"), [(3, 12), (5, 15)])
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_true_nulls_are_rejected_in_at_most_a_twentieth_where_strong_doses_vary_twice_as_much(seeds, pool, spread):
    truth = simulate.Truth(seeds=seeds, pool=pool)
    runs = simulate.runs_of(truth)
    design = Design.of(runs)
    top = {name: max(map(abs, doses)) for name, doses in simulate.DOSES.items()} | {"baseline": 1.0}
    share = np.array([abs(n) / top[f] for f, n in zip(runs["family"], runs["number"], strict=True)])
    values = np.random.default_rng(seeds).normal(size=(len(runs), 4000)) * (1 + (spread - 1) * share)[:, None]
    for weights in (
        design.strongest_effect("augment"),
        difference(design.strongest_effect("augment"), design.strongest_effect("dropout")),
    ):
        rejected = int((contrasts.contrast(design, values, weights).p < 0.05).sum())
        assert stats.binomtest(rejected, 4000).proportion_ci(0.99).low <= 0.05


def test_conditions_that_were_not_measured_lend_no_variance(design: Design):
    values = values_of(design)
    weights = design.effect("augment", "strong")
    values[design.rows["dropout", "weak"]] = np.nan
    found = contrasts.contrast(design, values, weights)
    alone = contrasts.contrast(design.without([("dropout", "weak")]), values, weights)
    assert (found.low, found.df) == pytest.approx((float(alone.low), float(alone.df)))


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


def test_holm_is_statsmodels_holm_and_passes_over_tests_that_could_not_be_made():
    p = [0.01, 0.04, 0.03, 0.005, 0.9]
    expected = multipletests(p, method="holm")[1]
    assert contrasts.holm(p) == pytest.approx(expected)
    with_gap = contrasts.holm([p[0], float("nan"), *p[1:]])
    assert np.isnan(with_gap[1]) and with_gap[:1] + with_gap[2:] == pytest.approx(expected)
    assert np.isnan(contrasts.holm([float("nan")])).all() and contrasts.holm([]) == []


def test_homogeneity_is_bartletts_test_and_unknown_without_spread(design: Design):
    values = values_of(design, 5.0)
    expected = stats.bartlett(*values.reshape(6, 4)).pvalue
    assert contrasts.homogeneity(design, values) == pytest.approx(expected)
    assert np.isnan(contrasts.homogeneity(design, np.zeros(24)))


def test_levels_that_are_equal_to_rounding_have_no_slope(design: Design):
    levels = {"baseline": 0.1, "weak": 0.1, "strong": float(np.nextafter(0.1, 1))}
    assert dose_curves.slope_weights(design, "augment", levels) == {}
