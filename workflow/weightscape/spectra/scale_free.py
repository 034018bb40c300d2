"""Scale-free summaries of a spectrum: effective rank, participation ratio, spacing ratio, Hill exponent."""

import numpy as np


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
