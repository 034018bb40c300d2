"""Scale-free summaries of a spectrum: effective rank, participation ratio, spacing ratio, Hill exponents.

The fixed-aspect exponent (Hu et al. 2025, "Eigenspectrum analysis of neural networks without aspect ratio bias") is
that of the pooled eigenvalues of windows of one shape, moved over the matrix.
"""

from collections.abc import Iterator

import numpy as np

from weightscape.spectra.eigenvalues import above_rank, squared_singular_values


def effective_rank(values: np.ndarray) -> float:
    """exp of the Shannon entropy of lambda / sum lambda (Roy & Vetterli 2007): 1 to their number.

    Shares that underflow are zero, as 0 log 0 is; NaN where no value is positive.
    """
    if not values.max() > 0:
        return float("nan")
    shares = values[values > 0] / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def participation_ratio(values: np.ndarray) -> float:
    """(sum lambda)^2 / sum lambda^2: 1 to the number of eigenvalues; NaN where no value is positive."""
    if not values.max() > 0:
        return float("nan")
    shares = values / values.max()
    return float(shares.sum() ** 2 / (shares**2).sum())


def spacing_ratio(values: np.ndarray) -> float:
    """Mean of min(s_i, s_{i+1}) / max(s_i, s_{i+1}) over consecutive spacings of sorted values; needs no
    unfolding.

    0.5307 for real random matrices, 0.3863 for independent levels (Atas et al. 2013).
    """
    spacings = np.diff(values)
    larger = np.maximum(spacings[1:], spacings[:-1])
    smaller = np.minimum(spacings[1:], spacings[:-1])
    distinct = larger > 0
    return float((smaller[distinct] / larger[distinct]).mean()) if distinct.any() else float("nan")


def hill(values: np.ndarray) -> float:
    """1 + k / sum ln(lambda_i / lambda_{r-k}) over the k = floor(r / 2) largest of r sorted positive values.

    The exponent of TempBalance (Zhou et al. 2023). NaN where the values differ by rounding alone.
    """
    top = len(values) // 2
    if top < 1 or len(values) < 2:
        return float("nan")
    logs = np.log(values[-top - 1 :])
    total = (logs[1:] - logs[0]).sum()
    rounding = top * len(values) * np.finfo(np.float64).eps  # of equal eigenvalues, as a BLAS leaves it
    return float(1.0 + top / total) if total > rounding else float("nan")


def fixed_aspect_exponent(slices: np.ndarray, tall: int, wide: int, stride: int, floor: float = 0.0) -> float:
    """Hill exponent of the pooled windows [tall, wide] of [slices, n, m]; NaN if the window does not fit.

    Singular values up to `floor` are left out.
    """
    if slices.shape[1] < slices.shape[2]:
        slices = np.swapaxes(slices, 1, 2)
    if slices.shape[1] < tall or slices.shape[2] < wide:
        return float("nan")
    values = [squared_singular_values(part).ravel() for part in _windows(slices, tall, wide, stride)]
    pooled = np.sort(np.concatenate(values))
    return hill(above_rank(pooled, tall, floor))


def _windows(slices: np.ndarray, tall: int, wide: int, stride: int) -> Iterator[np.ndarray]:
    for top in range(0, slices.shape[1] - tall + 1, stride):
        for left in range(0, slices.shape[2] - wide + 1, stride):
            yield slices[:, top : top + tall, left : left + wide]
