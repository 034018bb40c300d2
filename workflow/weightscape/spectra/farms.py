"""Tail exponent of pooled sub-matrices of one fixed shape, free of the bias of aspect ratio.

Hu et al. (2025), "Eigenspectrum analysis of neural networks without aspect ratio bias": eigenvalues of
windows of one shape, moved over the matrix, are pooled and given to the Hill estimator.
"""

from collections.abc import Iterator

import numpy as np

from weightscape.spectra.eigenvalues import rank, squared_singular_values
from weightscape.spectra.scale_free import hill


def window(side: int, aspect: float) -> tuple[int, int]:
    """Larger and smaller side of the window."""
    return round(side * aspect), side


def fixed_aspect_exponent(slices: np.ndarray, side: int, aspect: float, stride: int, floor: float = 0.0) -> float:
    """Hill exponent of the pooled windows of [slices, n, m]; NaN if the window does not fit.

    Singular values up to `floor` are left out.
    """
    if slices.shape[1] < slices.shape[2]:
        slices = np.swapaxes(slices, 1, 2)
    tall, wide = window(side, aspect)
    if slices.shape[1] < tall or slices.shape[2] < wide:
        return float("nan")
    pooled = np.sort(
        np.concatenate([squared_singular_values(part).ravel() for part in _windows(slices, tall, wide, stride)])
    )
    kept = pooled[len(pooled) - rank(pooled, tall) :]
    return hill(kept[np.searchsorted(kept, floor**2, side="right") :])


def _windows(slices: np.ndarray, tall: int, wide: int, stride: int) -> Iterator[np.ndarray]:
    for top in range(0, slices.shape[1] - tall + 1, stride):
        for left in range(0, slices.shape[2] - wide + 1, stride):
            yield slices[:, top : top + tall, left : left + wide]
