"""Outliers of an update count signals, and so are empty where what is left of its spectrum is no noise."""

import numpy as np
import pytest

from unit.spectra.measuring import measure
from weightscape.spectra.table import MATRICES

SHAPE = (90, 60)


def counts(update: np.ndarray) -> dict[str, float]:
    """The outliers of each matrix, for an update of weights that are noise."""
    before = np.random.default_rng(0).normal(size=update.shape)
    table, _ = measure({"w.weight": before + update}, {"w.weight": before}, matrices=MATRICES)
    return table.set_index("matrix")["num_outliers"].to_dict()


@pytest.mark.parametrize("rank", [0, 1, 4])
def test_directions_in_noise_are_counted(rank: int):
    rng = np.random.default_rng(1)
    signal = rng.normal(size=(SHAPE[0], rank)) @ rng.normal(size=(rank, SHAPE[1]))
    assert counts(rng.normal(size=SHAPE) + signal)["delta"] == rank


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_spectrum_that_decays_as_a_power_has_no_count_in_an_update_and_one_in_weights(power: float):
    decaying = np.random.default_rng(2).normal(size=SHAPE) / (1 + np.arange(SHAPE[1])) ** power
    assert np.isnan(counts(decaying)["delta"])
    table, _ = measure({"w.weight": decaying})
    assert table["num_outliers"].item() > 3


def test_noise_with_heavy_tails_in_every_slice_has_no_count():
    heavy = np.random.default_rng(3).standard_t(3, size=(64, 64, 3, 3))
    assert np.isnan(counts(heavy)["delta"])
    assert counts(np.random.default_rng(4).normal(size=(64, 64, 3, 3)))["delta"] <= 3
