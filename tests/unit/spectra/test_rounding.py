"""Weights in half precision, or widened from it: rounding is no direction of its own."""

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.spectra import rounding
from weightscape.spectra.table import MATRICES

EPSILONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}


def stored(weight: np.ndarray, precision: str) -> np.ndarray:
    """Rounded to a precision and widened again, to double for double and to single for the others."""
    import torch

    narrow = torch.from_numpy(weight).to(getattr(torch, precision))
    return (narrow if precision == "float64" else narrow.float()).numpy()


def low_rank(rows: int, columns: int, rank: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.standard_normal((rows, rank)) @ random.standard_normal((rank, columns))


@pytest.mark.parametrize("precision", EPSILONS)
def test_the_precision_is_read_from_the_values_and_not_from_their_type(precision):
    weight = stored(low_rank(30, 20, 20, 0), precision)[None]
    assert rounding.epsilon(weight) == EPSILONS[precision]
    assert rounding.epsilon(weight.astype(np.float64)) == EPSILONS[precision]
    assert rounding.epsilon(weight.swapaxes(1, 2)) == EPSILONS[precision]


def test_one_full_value_among_short_ones_is_found():
    weight = np.ones((1, 50, 40), np.float32)
    assert rounding.epsilon(weight) == EPSILONS["bfloat16"]
    weight[0, 37, 21] = 0.1
    assert rounding.epsilon(weight) == EPSILONS["float32"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("shape", [(60, 60), (300, 40), (40, 300)])
def test_rounding_alone_stays_below_its_bound_and_near_it(precision, shape):
    exact = np.random.default_rng(1).standard_normal(shape)
    weight = stored(exact, precision)
    assert 0.5 < np.linalg.norm(weight - exact, 2) / rounding.rounding_of_weights(weight[None]) < 1


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("rank", [1, 5])
def test_a_matrix_of_low_rank_keeps_its_rank_when_it_is_stored(precision, rank):
    table, _ = measure({"w.weight": stored(low_rank(120, 80, rank, 2), precision)})
    row = table.iloc[0]
    assert (row["rank"], row["num_outliers"], row["phase"]) == (rank, rank, "rank-collapse")
    assert np.isnan(row["tail_alpha"]) and row["matrix_rank"] > rank


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_an_update_of_low_rank_keeps_its_rank_and_its_directions(precision):
    before = stored(0.05 * low_rank(120, 80, 80, 3), precision)
    change = low_rank(120, 80, 2, 4)
    table, _ = measure({"w.weight": stored(before + change, precision)}, {"w.weight": before}, matrices=MATRICES)
    row = table.set_index("matrix").loc["delta"]
    assert (row["rank"], row["num_outliers"], row["overlap_vectors"]) == (2, 2, 2)


def test_a_start_in_half_precision_is_exact_for_training_in_single_precision():
    before = stored(low_rank(120, 80, 80, 3), "bfloat16")
    update = 1e-5 * low_rank(120, 80, 1, 4).astype(np.float32)
    table, _ = measure({"w.weight": before + update}, {"w.weight": before}, matrices=("delta",))
    assert table.loc[0, "rounding"] < 1e-4 < np.linalg.norm(update, 2)
    assert table.loc[0, "num_outliers"] == 1


def test_entries_whose_squares_overflow_single_precision_have_a_finite_rounding():
    weight = (1e25 * low_rank(30, 20, 20, 5)).astype(np.float32)
    assert np.isfinite(rounding.rounding_of_weights(weight[None]))
    half = np.full((1, 30, 20), 6e4, np.float16)
    assert np.isfinite(rounding.rounding_of_weights(half))
