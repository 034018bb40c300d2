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


def upper_bound(
    square: float, error: float, df: float, margin: float, alpha: float, mean_error: float = 0.0
) -> Equivalence:
    """The same for a root mean square from its noise-corrected square: is it below the margin?

    A root mean square has no lower side, so that one one-sided test does; `low` is 0. The error of a square grows with
    the square, so that a low estimate comes with a low error; the test takes the error that the square would have at
    the margin: error^2 + 4 (margin^2 - square) mean_error^2, with `mean_error` that of the mean difference.
    """
    t = stdtrit(df, 1 - alpha)
    at_margin = np.sqrt(error**2 + 4 * max(margin**2 - square, 0.0) * mean_error**2)
    slack = 2 * (t * mean_error) ** 2
    smallest = float(np.sqrt(max(square + slack + np.sqrt(slack**2 + (t * error) ** 2), 0.0)))
    return Equivalence(float(stdtr(df, (square - margin**2) / at_margin)), 0.0, smallest, smallest)
