"""Equivalence by two one-sided tests (Schuirmann 1987): is a difference smaller than a margin fixed beforehand?

A difference is equivalent to zero at alpha if its interval at level 1 - 2 alpha lies within (-margin, margin). The
smallest margin that passes is the end of that interval that is farther from zero.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit


class Equivalence(NamedTuple):
    """p of the two one-sided tests, the interval at level 1 - 2 alpha, and the smallest margin that passes."""

    p: float
    low: float
    high: float
    smallest: float


def two_one_sided(value: float, error: float, df: float, margin: float, alpha: float) -> Equivalence:
    """The test of |value| < margin from an estimate, its standard error and degrees of freedom."""
    half = stdtrit(df, 1 - alpha) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = max(float(stdtr(df, (value - margin) / error)), float(stdtr(df, -(value + margin) / error)))
    return Equivalence(p, value - half, value + half, max(abs(value - half), abs(value + half)))


def upper_bound(square: float, error: float, df: float, margin: float, alpha: float) -> Equivalence:
    """The same for a root mean square from its noise-corrected square: is the square below margin squared?

    A root mean square has no lower side, so that one one-sided test does; `low` is 0.
    """
    top = square + stdtrit(df, 1 - alpha) * error
    smallest = float(np.sqrt(max(top, 0.0)))
    return Equivalence(float(stdtr(df, (square - margin**2) / error)), 0.0, smallest, smallest)
