"""Similarity of families: products without noise, and the jackknife, written out."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from weightscape.metrics.analysis import similarity
from weightscape.metrics.analysis.design import Design

BASE, DOSE, OTHER = ("baseline", "baseline"), ("a", "x"), ("b", "x")
EFFECT, SECOND = {BASE: -1.0, DOSE: 1.0}, {BASE: -1.0, OTHER: 1.0}


def drawn(seed: int, base: int = 4, one: int = 3, other: int = 2, layers: int = 7) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(seed)
    return {c: rng.normal(size=(n, layers)) for c, n in ((BASE, base), (DOSE, one), (OTHER, other))}


def test_the_corrected_square_is_the_mean_product_over_disjoint_groups_of_runs():
    runs = drawn(0)
    profile = similarity.profiles_of(runs, [EFFECT])[0]
    pairs = [
        (runs[DOSE][i] - runs[BASE][k]) @ (runs[DOSE][j] - runs[BASE][m])
        for i, j in itertools.permutations(range(3), 2)
        for k, m in itertools.permutations(range(4), 2)
    ]
    assert profile.square == pytest.approx(np.mean(pairs))


def test_the_corrected_square_of_pure_noise_is_zero_on_average():
    squares = [similarity.profiles_of(drawn(seed, 3, 3), [EFFECT])[0].square for seed in range(2000)]
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(2000)


def test_the_corrected_product_of_families_is_the_mean_over_disjoint_groups_of_the_shared_baseline():
    runs = drawn(2)
    x, y = similarity.profiles_of(runs, [EFFECT, SECOND])
    groups = itertools.permutations(range(4), 2)
    each = [
        (a - runs[BASE][k]) @ (b - runs[BASE][m])
        for k, m in groups
        for a, b in itertools.product(runs[DOSE], runs[OTHER])
    ]
    assert similarity.product(x, y) == pytest.approx(np.mean(each))
    apart = similarity.profiles_of(runs, [{DOSE: 1.0, OTHER: -1.0}])[0]
    assert similarity.distance(x, y) == pytest.approx(np.sqrt(max(apart.square, 0) / 7))


def test_the_jackknife_leaves_out_a_shared_run_in_all_families_at_once():
    runs = drawn(3, 6, 4, 4, layers=1)
    found = similarity.jackknife(runs, [EFFECT, SECOND], lambda p: p[0].values - p[1].values)
    welch = stats.ttest_ind(runs[DOSE][:, 0], runs[OTHER][:, 0], equal_var=False)
    assert found.errors[0] == pytest.approx((runs[DOSE].mean() - runs[OTHER].mean()) / welch.statistic)
    assert found.df[0] == pytest.approx(welch.df)


def test_the_jackknife_of_a_difference_of_means_is_its_welch_error():
    runs = {c: own for c, own in drawn(4, 5, 4).items() if c != OTHER}
    found = similarity.jackknife(runs, [EFFECT], lambda profiles: np.array([profiles[0].values.mean()]))
    welch = stats.ttest_ind(runs[DOSE].mean(axis=1), runs[BASE].mean(axis=1), equal_var=False)
    assert found.values[0] / found.errors[0] == pytest.approx(welch.statistic)
    low, high = found.interval(0.95)
    assert (low[0], high[0]) == pytest.approx(tuple(welch.confidence_interval()))


def profile(values: list[float], noise: float = 0.0) -> similarity.Profile:
    """A profile of one condition of its own, with this noise in its square."""
    return similarity.Profile(np.array(values), {(str(values), "x"): (1.0, noise)})


def test_cosine_does_not_depend_on_scale_and_has_no_value_below_the_noise():
    x, y = profile([3.0, 4.0]), profile([4.0, 3.0])
    assert similarity.cosine(x, y) == pytest.approx(0.96)
    assert similarity.cosine(profile([30.0, 40.0]), y) == pytest.approx(0.96)
    assert similarity.cosine(profile([3.0, 4.0], noise=9.0), y) == pytest.approx(24 / (4 * 5))
    assert np.isnan(similarity.cosine(profile([3.0, 4.0], noise=25.0), y))


def test_profiles_have_directions_where_their_squares_exceed_twice_their_errors():
    def told(squares: list[float], errors: list[float]) -> bool:
        values = np.array([0.5, *squares])
        return similarity.have_directions(similarity.Jackknifed(values, np.array([0.1, *errors]), np.ones(3)))

    assert told([3.0, 5.0], [1.4, 2.4]) and not told([3.0, 5.0], [1.6, 2.4]) and not told([3.0, 5.0], [1.4, 2.6])
    assert not told([3.0, 5.0], [np.nan, np.nan])


def test_noise_has_no_direction_in_most_draws_and_a_strong_effect_has_one():
    found = {0.0: 0, 3.0: 0}
    for size, seed in itertools.product(found, range(100)):
        runs = drawn(seed, 12, 4, 4, layers=16)
        shifted = {c: own + size * (c != BASE) for c, own in runs.items()}
        result = similarity.jackknife(shifted, [EFFECT, SECOND], similarity.cosine_and_squares)
        found[size] += similarity.have_directions(result)
    assert found[0.0] < 5 and found[3.0] == 100


def test_two_runs_have_a_value_and_no_interval():
    runs = {c: own[:2] + 3.0 * (c != BASE) for c, own in drawn(5, 2, 2).items()}
    found = similarity.jackknife(runs, [EFFECT, SECOND], similarity.cosine_and_squares)
    assert np.isfinite(found.values).all() and np.isnan(found.errors).all()


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
