"""Similarity of families: noise-corrected norms, matching, the jackknife and the test of a profile, written out."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis import dose_curves, similarity
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.analysis.dose_curves import Curve

BASE, DOSE = ("baseline", "baseline"), ("a", "x")


def test_the_corrected_square_is_the_mean_product_over_disjoint_groups_of_runs():
    rng = np.random.default_rng(0)
    dose, base = rng.normal(size=(4, 7)), rng.normal(size=(3, 7))
    means = [similarity.mean_of(name, each, np.zeros(len(each))) for name, each in ((BASE, base), (DOSE, dose))]
    profile = similarity.combined(means, np.array([-1.0, 1.0]))
    pairs = [
        (dose[i] - base[k]) @ (dose[j] - base[m])
        for i, j in itertools.permutations(range(4), 2)
        for k, m in itertools.permutations(range(3), 2)
    ]
    assert profile.square == pytest.approx(np.mean(pairs))


def test_the_corrected_square_of_pure_noise_is_zero_on_average():
    rng = np.random.default_rng(1)
    squares = []
    for _ in range(2000):
        means = [similarity.mean_of(name, rng.normal(size=(3, 5)), np.zeros(3)) for name in (BASE, DOSE)]
        squares.append(similarity.combined(means, np.array([-1.0, 1.0])).square)
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(2000)


def test_the_corrected_product_of_families_is_the_mean_over_disjoint_groups_of_the_shared_baseline():
    rng = np.random.default_rng(2)
    base, one, other = rng.normal(size=(4, 7)), rng.normal(size=(3, 7)), rng.normal(size=(2, 7))
    runs = {BASE: base, DOSE: one, ("b", "x"): other}
    means = {name: similarity.mean_of(name, each, np.zeros(len(each))) for name, each in runs.items()}
    x, y = (similarity.combined([means[BASE], means[name]], np.array([-1.0, 1.0])) for name in (DOSE, ("b", "x")))
    groups = itertools.permutations(range(4), 2)
    pairs = [(a - base[k]) @ (b - base[m]) for k, m in groups for a, b in itertools.product(one, other)]
    assert similarity.product(x, y) == pytest.approx(np.mean(pairs))
    assert similarity.nearness(x, y) == pytest.approx(2 * np.mean(pairs) - y.square)
    gap = similarity.layer_difference([x, y])
    apart = similarity.combined([means[DOSE], means["b", "x"]], np.array([1.0, -1.0]))
    assert gap == pytest.approx([(one.mean(axis=0) - other.mean(axis=0)).mean(), apart.square / 7])


def test_the_jackknife_leaves_out_a_shared_run_in_all_families_at_once():
    rng = np.random.default_rng(3)
    base, runs = rng.normal(size=(6, 1)), {name: rng.normal(size=(4, 1)) for name in ("a", "b")}
    curves = [Curve([BASE, (name, "x")], [base, own], [np.zeros(6), np.zeros(4)]) for name, own in runs.items()]
    found = similarity.jackknife(curves, similarity.last, lambda p: p[0].values - p[1].values)
    welch = stats.ttest_ind(runs["a"][:, 0], runs["b"][:, 0], equal_var=False)
    assert found is not None and found.errors[0] == pytest.approx(
        (runs["a"].mean() - runs["b"].mean()) / welch.statistic
    )
    assert found.df[0] == pytest.approx(welch.df)


def profile(values: list[float], noise: float = 0.0) -> similarity.Profile:
    """A profile of one condition of its own, with this noise in its square."""
    return similarity.Profile(np.array(values), {(str(values), "x"): (1.0, noise)})


def test_cosine_does_not_depend_on_scale_and_has_no_value_below_the_noise():
    x, y = profile([3.0, 4.0]), profile([4.0, 3.0])
    assert similarity.cosine(x, y) == pytest.approx(0.96)
    assert similarity.cosine(profile([30.0, 40.0]), y) == pytest.approx(0.96)
    assert similarity.cosine(profile([3.0, 4.0], noise=9.0), y) == pytest.approx(24 / (4 * 5))
    assert np.isnan(similarity.cosine(profile([3.0, 4.0], noise=25.0), y))


def test_nearness_is_positive_where_the_other_profile_is_nearer_than_zero():
    x = profile([2.0, 0.0])
    assert similarity.nearness(x, profile([1.0, 0.0])) == 3  # 4 - 1
    assert similarity.nearness(x, profile([0.0, 0.5])) < 0
    assert similarity.nearness(x, profile([9.0, 0.0])) < 0


def curve(levels: list[float], effects: list[float], runs: int = 3) -> Curve:
    spread = np.arange(runs) - (runs - 1) / 2
    return Curve(
        [BASE, *((f"f{effects}", f"d{k}") for k in range(len(levels) - 1))],
        [np.outer(np.ones(runs), [effect, 2 * effect]) + 0.01 * np.outer(spread, [1, -1]) for effect in effects],
        [level + 0.001 * spread for level in levels],
    )


def test_a_dose_curve_is_interpolated_between_doses_and_never_beyond():
    levels = [1.0, 1.2, 1.6]
    assert dose_curves.coefficients(levels, 0.2) == pytest.approx([-1, 1, 0])
    assert dose_curves.coefficients(levels, 0.4) == pytest.approx([-1, 0.5, 0.5])
    assert dose_curves.coefficients(levels, 0.1) == pytest.approx([-0.5, 0.5, 0])
    assert dose_curves.coefficients(levels, 0.61) is None
    assert dose_curves.coefficients(levels, -0.1) is None


def test_the_common_level_is_the_farthest_that_all_reach_in_the_direction_of_the_first():
    assert dose_curves.common_level([[0, 1, 3], [5, 7], [0, 9]]) == 2
    assert dose_curves.common_level([[0, -1, -3], [5, 4], [0, -9]]) == -1
    assert dose_curves.common_level([[0, 1], [5, 4]]) is None


def test_profiles_at_a_common_level_are_those_of_the_interpolated_curves():
    means = [
        [similarity.mean_of(*each) for each in zip(c.conditions, c.profiles, c.levels, strict=True)]
        for c in (curve([0.0, 0.1, 0.2], [0.0, 1.0, 2.0]), curve([0.5, 0.65], [0.0, 6.0]))
    ]
    placed = similarity.matched(means)
    assert placed is not None
    assert placed[0].values == pytest.approx([1.5, 3.0]) and placed[1].values == pytest.approx([6.0, 12.0])


def test_no_overlap_names_the_family_that_does_not_move():
    rng = np.random.default_rng(0)
    rows = [(f, d, n) for f in ("a", "b", "c") for d, n in (("baseline", 0.0), ("x", 1.0)) for _ in range(4)]
    design = Design.of(pd.DataFrame(rows, columns=["family", "dose", "number"]))
    levels = rng.normal(0, 0.01, 24)
    levels[design.rows["a", "x"]] += 1
    levels[design.rows["b", "x"]] -= 1
    assert dose_curves.overlap(design, levels, ["a", "b"], 0.05).endswith("in opposite directions")
    assert "no dose of c moves" in dose_curves.overlap(design, levels, ["a", "c"], 0.05)
    levels[design.rows["b", "x"]] += 2
    assert dose_curves.overlap(design, levels, ["a", "b"], 0.05) == ""
    levels[0] = np.nan
    assert "not measured in every run" in dose_curves.overlap(design, levels, ["a", "b"], 0.05)


def test_the_jackknife_of_a_difference_of_means_is_its_welch_error():
    rng = np.random.default_rng(2)
    runs = [rng.normal(size=(4, 3)), rng.normal(size=(5, 3))]
    one = Curve([BASE, DOSE], runs, [np.zeros(4), np.zeros(5)])
    found = similarity.jackknife([one], similarity.last, lambda profiles: np.array([profiles[0].values.mean()]))
    welch = stats.ttest_ind(runs[1].mean(axis=1), runs[0].mean(axis=1), equal_var=False)
    assert found is not None
    assert found.values[0] / found.errors[0] == pytest.approx(welch.statistic)
    assert found.df[0] == pytest.approx(welch.df) and found.p[0] == pytest.approx(welch.pvalue)


def test_the_jackknife_carries_the_error_of_matching():
    sure, unsure = curve([0.0, 0.1, 0.2], [0.0, 1.0, 2.0]), curve([0.0, 0.1, 0.2], [0.0, 1.0, 2.0])
    unsure = Curve(
        unsure.conditions, unsure.profiles, [50 * (each - each.mean()) + each.mean() for each in unsure.levels]
    )
    other = curve([0.0, 0.15], [0.0, 1.0])

    def first(profiles: list[similarity.Profile]) -> np.ndarray:
        return np.array([profiles[0].values[0]])

    errors = []
    for each in (sure, unsure):
        found = similarity.jackknife([each, other], similarity.matched, first)
        assert found is not None
        errors.append(found.errors[0])
    assert errors[1] > 3 * errors[0]


def test_two_runs_have_a_value_and_no_interval():
    curves = [curve([0.0, 0.1], [0.0, 1.0], runs=2)] * 3
    found = similarity.jackknife(curves, similarity.last, similarity.comparison)
    assert found is not None and found.values[1] == pytest.approx(1, abs=0.01)
    assert np.isnan(found.errors).all()


def test_one_layer_makes_the_profile_test_the_squared_t_test(design: Design):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 1))
    weights = design.effect("augment", "strong")
    f, h, p = similarity.differs(design, values, weights)
    found = contrast(design, values[:, 0], weights)
    assert (f, h, p) == pytest.approx((float(found.statistic) ** 2, 1, float(found.p)))


def test_noise_has_as_many_dimensions_as_independent_layers(design: Design):
    rng = np.random.default_rng(0)
    many = Design.of(pd.DataFrame({"family": "f", "dose": np.repeat(["a", "b"], 500), "number": 0.0}))
    free, shared = rng.normal(size=(1000, 6)), rng.normal(size=(1000, 1))
    assert similarity.dimensions(many, free) == pytest.approx(6, rel=0.15)
    assert similarity.dimensions(many, shared + 0.01 * free) == pytest.approx(1, abs=0.01)


def test_layers_that_never_vary_are_left_out_of_profiles(design: Design):
    values = np.random.default_rng(0).normal(size=(24, 3)) * [1.0, 5.0, 0.0]
    scaled = similarity.scaled(design, values)
    assert scaled.shape == (24, 2)
    within = np.mean([scaled[at].var(axis=0, ddof=1) for at in design.rows.values()], axis=0)
    assert within == pytest.approx([1, 1])


def test_layers_whose_runs_are_equal_to_rounding_are_left_out():
    design = Design.of(
        pd.DataFrame({"family": "f", "dose": ["baseline"] * 3 + ["a"] * 3, "number": [0.0] * 3 + [1.0] * 3})
    )
    equal = np.array([0.1, 0.1, np.nextafter(0.1, 1)] * 2)
    profiles = np.stack([np.random.default_rng(5).normal(size=6), equal], axis=1)
    np.testing.assert_array_equal(similarity.scaled(design, profiles), similarity.scaled(design, profiles[:, :1]))
    assert similarity.scaled(design, profiles).shape == (6, 1)
