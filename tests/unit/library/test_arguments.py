"""Arguments of the library: numbers of numpy are numbers, and what cannot be is a `UserError` of one sentence."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

import weightscape as ws

ROWS = np.random.default_rng(0).standard_normal((20, 5))
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
NETWORK = {"a.weight": ROWS}


def test_numbers_of_numpy_are_numbers() -> None:
    assert ws.vendi(ROWS, np.float32(1)) == ws.vendi(ROWS, np.int64(1)) == ws.vendi(ROWS)
    assert list(ws.vendi(ROWS, np.arange(3))) == [0, 1, 2]
    table = ws.spectra(NETWORK, seed=np.int64(0), estimate_above=np.int64(16384))
    assert table.equals(ws.spectra(NETWORK))
    assert ws.diversity(ROWS, rows=np.int64(4), seed=np.int64(1)) == ws.diversity(ROWS, rows=4, seed=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ws.vendi(ROWS, "1"), "q = '1' is no order"),
        (lambda: ws.vendi(ROWS, None), "q = None is no order"),
        (lambda: ws.vendi(ROWS, [1, "2"]), "q = '2' is no order"),
        (lambda: ws.vendi("folder", kernel=lambda one, other: float(one == other)), "is no list of items"),
        (lambda: ws.vendi(None, kernel=lambda one, other: 1.0), "is no list of items"),
        (lambda: ws.vendi(["a"], kernel=lambda one, other: one), "the kernel gives 'a'"),
        (lambda: ws.vendi(ROWS, kernel=5), "kernel = 5 is unknown"),
        (lambda: ws.vendi(ROWS, kernel=ROWS), "kernel = .* is unknown"),
        (lambda: ws.diversity(ROWS, rows=2.5), "rows = 2.5: give a whole number from 2"),
        (lambda: ws.diversity(ROWS, rows="3"), "rows = '3': give a whole number from 2"),
        (lambda: ws.diversity(ROWS, seed="a"), "seed = 'a': give a whole number from 0"),
        (lambda: ws.diversity(ROWS, labels=[[1], [1, 2]]), "must be whole numbers"),
        (lambda: ws.diversity(IMAGES, backbone=5), "backbone = 5: give the name of a network"),
        (lambda: ws.spectra(NETWORK, device="nowhere"), "device = 'nowhere' cannot be used"),
        (lambda: ws.spectra(NETWORK, head=5), "head holds 5"),
        (lambda: ws.spectra(NETWORK, head=["a", 5]), "head holds 5"),
        (lambda: ws.spectra(NETWORK, add=5), "add holds 5"),
        (lambda: ws.spectra(NETWORK, seed=1.5), "seed = 1.5: give a whole number from 0"),
        (lambda: ws.spectra(NETWORK, estimate_above="a"), "estimate_above = 'a': give a whole number from 1"),
        (lambda: ws.spectra(torch.nn.Linear), "a network cannot be a type"),
        (lambda: ws.esd(NETWORK, 5), "layers holds 5"),
        (lambda: ws.summary(ws.spectra(NETWORK), "nope"), "metrics holds 'nope'"),
        (lambda: ws.summary(ws.spectra(NETWORK), ("longname",)), "no column of numbers"),
    ],
)
def test_what_cannot_be_is_one_sentence(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ws.UserError, match=words):
        call()


def test_one_metric_may_be_named_alone() -> None:
    table = ws.spectra(NETWORK)
    assert ws.summary(table, "log_norm").equals(ws.summary(table, ("log_norm",))) and len(ws.summary(table, "log_norm"))
