"""A BLAS's remains of zeros (denormals, tiny negatives, exact zeros) and of equal values change nothing."""

import numpy as np
import pytest

from weightscape.spectra import marchenko_pastur, powerlaw, scale_free, weightwatcher
from weightscape.spectra.eigenvalues import rank, ranks

LEFT = {"zeros": 0.0, "denormals": 1e-319, "least": 5e-324, "negatives": -1e-18}
VALUES = np.sort(np.random.default_rng(0).random(30)) + 0.5


@pytest.fixture(params=LEFT)
def left(request: pytest.FixtureRequest) -> np.ndarray:
    return np.full(10, LEFT[request.param])


def padded(left: np.ndarray, values: np.ndarray = VALUES) -> np.ndarray:
    return np.concatenate([left, values])


@pytest.mark.parametrize("summary", [scale_free.effective_rank, scale_free.participation_ratio])
def test_summaries_do_not_see_what_is_left_of_zeros(summary, left):
    assert summary(padded(left)) == pytest.approx(summary(VALUES), rel=1e-13)
    assert summary(padded(left, 1e5 * VALUES)) == pytest.approx(summary(VALUES), rel=1e-13)


@pytest.mark.parametrize("summary", [scale_free.effective_rank, scale_free.participation_ratio])
def test_summaries_of_no_positive_value_are_not_defined(summary):
    assert np.isnan(summary(np.zeros(4)))


def test_ranks_do_not_see_what_is_left_of_zeros(left):
    assert rank(padded(left), 50) == len(VALUES)
    assert ranks(padded(left)[None], 50, 0.0).tolist() == [len(VALUES)]
    assert weightwatcher.slice_columns(padded(left)[None], 50) == {
        "sv_min": pytest.approx(0, abs=1e-150),
        "rank_loss": 10,
    }


def test_norms_and_tail_do_not_see_what_is_left_of_zeros(left):
    found, zeros = (weightwatcher.norms(padded(each), 50) for each in (left, np.zeros(10)))
    assert found == pytest.approx(zeros, rel=1e-13)
    (found, said), (bare, _) = weightwatcher.tail(padded(left)), weightwatcher.tail(VALUES)
    assert said == "ok" and found == pytest.approx(bare, rel=1e-13)


@pytest.mark.parametrize("larger", [40, 60])
def test_the_fitted_bulk_does_not_see_what_is_left_of_zeros(larger, left):
    found, zeros = (marchenko_pastur.fit_bulk(padded(each), larger, 40) for each in (left, np.zeros(10)))
    assert found is not None and zeros is not None
    assert found.sigma == pytest.approx(zeros.sigma, rel=1e-9) and found.spikes == zeros.spikes


@pytest.mark.parametrize("kind", LEFT)
def test_the_distance_to_the_null_does_not_see_what_is_left_of_zeros(kind, left):
    others = np.linspace(0.1, 2, len(VALUES))
    found = weightwatcher.jensen_shannon(padded(left), padded(np.full(10, LEFT[kind]), others))
    assert found == pytest.approx(weightwatcher.jensen_shannon(VALUES, others), rel=1e-13)


@pytest.mark.parametrize("count", [10, 30])
def test_values_that_are_equal_to_rounding_have_no_tail(count):
    equal = np.sort(1 + np.spacing(1.0) * np.random.default_rng(1).integers(-3, 4, count))
    assert equal[0] < equal[-1]
    assert powerlaw.fit(equal) is None and powerlaw.fit_few(equal) is None
    assert weightwatcher.tail(equal) == ({}, "all eigenvalues are equal")
    assert np.isnan(scale_free.hill(equal))
