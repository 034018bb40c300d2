"""Phase of training of Martin & Mahoney (2021, section 5), with a rule in place of inspection.

In this order: 1. rank-collapse: fewer than half of the eigenvalues are above rounding; 2. the bulk
follows Marchenko-Pastur (Kolmogorov distance to the law <= 0.1 + 1.36 / sqrt(n), the eigenvalues' number n):
random-like without outliers; bleeding-out when the largest eigenvalue is below 1.5 x the outlier edge;
bulk+spikes else; 3. heavy-tailed: a tail exponent <= 4 on at least 20 eigenvalues; 4. bulk-decay: the rest.
"""

from collections.abc import Mapping
from typing import Any

BULK_DISTANCE = 0.1
SAMPLING = 1.36  # 95 % point of the Kolmogorov law, for small spectra
BLEEDING = 1.5
HEAVY = 4.0
LONG = 20


def phase(columns: Mapping[str, Any]) -> str | None:
    """The phase, from the columns of a row that it names; None for a spectrum without a bulk."""
    count = columns["num_evals"]
    if columns["rank"] < count / 2:
        return "rank-collapse"
    if "mp_kolmogorov" not in columns:
        return None
    if columns["mp_kolmogorov"] <= BULK_DISTANCE + SAMPLING / count**0.5:
        return _bulk_phase(columns)
    heavy = columns.get("tail_alpha", float("nan")) <= HEAVY and columns["tail_size"] >= LONG
    return "heavy-tailed" if heavy else "bulk-decay"


def _bulk_phase(columns: Mapping[str, Any]) -> str:
    if columns["num_outliers"] == 0:
        return "random-like"
    top = columns["spectral_norm"] / columns["ww_scale"]
    return "bleeding-out" if top < BLEEDING * columns["outlier_edge"] else "bulk+spikes"
