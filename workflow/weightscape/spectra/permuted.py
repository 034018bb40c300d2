"""The random null: the spectrum of the same entries in random places.

A permutation (not a draw with replacement) keeps the distribution of entries and removes all structure.
"""

import numpy as np

from weightscape.spectra.eigenvalues import squared_singular_values

REPLICAS = 5  # for the largest eigenvalue of small matrices, as WeightWatcher
MANY = 100  # eigenvalues from which one replica is enough


def permuted_values(slices: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sorted eigenvalues of all slices, each with its entries permuted."""
    values = [squared_singular_values(_permuted(item, random)[None])[0] for item in slices]
    return np.sort(np.concatenate(values))


def _permuted(matrix: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.permutation(matrix.reshape(-1)).reshape(matrix.shape)


def largest(slices: np.ndarray, first: np.ndarray, random: np.random.Generator) -> float:
    """Largest eigenvalue over the replicas, `first` being the values of one of them."""
    more = REPLICAS - 1 if len(first) < MANY else 0
    return float(max([first[-1], *(permuted_values(slices, random)[-1] for _ in range(more))]))


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """Jensen-Shannon distance (natural logarithm) of two sorted spectra, each taken as a vector of shares.

    Shares that underflow, or whose mean does, are zero, as 0 log 0 is.
    """
    p, q = (np.maximum(values, 0.0) / values.sum() for values in (one, other))
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    positive = (p > 0) & (q > 0)
    return float((p[positive] * np.log(p[positive] / q[positive])).sum())
