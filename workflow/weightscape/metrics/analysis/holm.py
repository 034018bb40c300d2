"""Holm's correction (1979) within a claim.

statsmodels' `multipletests`, the reference in the tests, collects the process's garbage at each call: 0.35 s.
"""

import numpy as np


def adjusted(p: list[float]) -> list[float]:
    """Holm's adjusted p-values; NaN (a test that could not be made) stays NaN and is not counted."""
    values = np.asarray(p, float)
    order = np.argsort(values)  # NaN last
    known = int(np.isfinite(values).sum())
    result = np.full(len(values), np.nan)
    steps = values[order[:known]] * np.arange(known, 0, -1)
    result[order[:known]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result.tolist()
