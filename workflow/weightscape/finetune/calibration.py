"""Calibration errors, and the bins of confidence that they and the reliability diagrams share.

The error is the L1 gap between confidence and accuracy over bins, weighted by their counts: bins of equal width (Guo et
al. 2017, arXiv 1706.04599, eq. 3) or of equal counts (Nguyen & O'Connor 2015, arXiv 1508.05154).
"""

import numpy as np


def bin_of(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each confidence, of equal width on (0, 1] (Guo et al. 2017, eq. 1)."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Expected calibration error with `bins` equal-width bins on (0, 1]."""
    gap = np.bincount(bin_of(confidence, bins), weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def adaptive_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Expected calibration error with `bins` bins of equal counts (up to one image), in order of confidence."""
    gap = np.bincount(ranked_bin_of(confidence, bins), weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def ranked_bin_of(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each confidence, of equal counts (up to one image) in order of confidence."""
    place = np.empty(len(confidence), int)
    for number, rows in enumerate(np.array_split(np.argsort(confidence, kind="stable"), bins)):
        place[rows] = number
    return place
