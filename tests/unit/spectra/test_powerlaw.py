"""The exact search for xmin, against its definition, planted exponents and the powerlaw package."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightscape.spectra import powerlaw


def by_definition(values, minimum=2):
    """O(n^2): every candidate, every distance."""
    best = None
    for start in range(len(values) - minimum + 1):
        tail = values[start:]
        size = len(tail)
        total = np.log(tail / tail[0]).sum()
        if size < 2 or total <= 0:
            continue
        alpha = 1 + size / total
        distance = np.abs(1 - (tail / tail[0]) ** (1 - alpha) - np.arange(size) / size).max()
        if best is None or distance < best[0]:
            best = (distance, start, alpha)
    return best


def pareto(count, alpha, seed):
    return np.sort((1 - np.random.default_rng(seed).random(count)) ** (-1 / (alpha - 1)))


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(3, 400),
    alpha=st.floats(1.2, 8),
    mixture=st.sampled_from(["pure", "bulk", "rounded", "wishart"]),
    minimum=st.integers(2, 30),
)
def test_the_pruned_search_is_exact(seed, count, alpha, mixture, minimum):
    random = np.random.default_rng(seed)
    values = pareto(count, alpha, seed)
    if mixture == "bulk":
        values = np.sort(np.concatenate([values, random.random(count)]))
    elif mixture == "rounded":
        values = np.round(values, 1)  # ties
    elif mixture == "wishart":
        values = np.linalg.svd(random.standard_normal((count, min(count, 60))), compute_uv=False)[::-1] ** 2
    found, expected = powerlaw.fit(values, minimum), by_definition(values, minimum)
    if len(values) < minimum or expected is None or values[0] == values[-1]:
        assert found is None
        return
    assert found is not None
    assert found.distance == pytest.approx(expected[0], rel=1e-9, abs=1e-13)
    if found.start != expected[1]:  # equal within rounding
        assert abs(by_definition(values[found.start :], len(values) - found.start)[0] - expected[0]) < 1e-12
    else:
        assert found.alpha == pytest.approx(expected[2], rel=1e-9)


@pytest.mark.parametrize("alpha", [1.8, 2.5, 4.0])
def test_a_planted_exponent_is_recovered_within_its_error(alpha):
    fits = [powerlaw.fit(pareto(2000, alpha, seed), 200) for seed in range(20)]
    errors = [(fit.alpha - alpha) / fit.sigma for fit in fits if fit is not None]
    assert abs(np.mean(errors)) < 1
    assert np.max(np.abs(errors)) < 5


def test_the_fit_equals_that_of_the_powerlaw_package():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import powerlaw as package

        for seed in range(5):
            values = np.sort(np.concatenate([pareto(200, 2.7, seed), np.random.default_rng(seed).random(150)]))
            theirs = package.Fit(values, verbose=False, parameter_ranges={"alpha": [1, 50]})
            # the package leaves out the largest two candidates
            ours = powerlaw.fit(values, 3)
            assert ours is not None
            assert ours.xmin == pytest.approx(theirs.xmin)
            assert ours.alpha == pytest.approx(theirs.alpha, rel=1e-9)


def test_the_exponent_does_not_depend_on_the_scale():
    values = pareto(300, 3.0, 0)
    one, other = powerlaw.fit(values), powerlaw.fit(1e-7 * values)
    assert one is not None and other is not None
    assert one.alpha == pytest.approx(other.alpha, rel=1e-10)
    assert one.size == other.size


def test_a_smallest_tail_is_kept_to():
    values = np.sort(np.random.default_rng(1).random(100)) + 0.5
    fit = powerlaw.fit(values, 40)
    assert fit is not None and fit.size >= 40


def test_constant_and_short_data_have_no_fit():
    assert powerlaw.fit(np.ones(50)) is None
    assert powerlaw.fit(np.array([1.0])) is None
    assert powerlaw.fit(np.arange(1.0, 10.0), minimum=20) is None
    assert powerlaw.fit_few(np.arange(1.0, 7.0)) is None
