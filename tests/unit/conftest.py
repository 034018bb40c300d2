"""Fixtures of several packages."""

import numpy as np
import pytest

from weightscape.project import PACKAGE
from weightscape.spectra.compiled import library, widest


@pytest.fixture(scope="session", autouse=True)
def _native_routines() -> None:
    """Builds the native routines where no earlier session has, so that no test is the one that starts a compiler."""
    for lanes in (4, 8):
        if lanes <= (widest() or 0):
            library(PACKAGE / "spectra" / "two_stage.c", lanes)


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)
