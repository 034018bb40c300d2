"""Our own columns: outliers, shape, tail and phase of a spectrum, all scale-free in their rules.

Docs of each column: `columns.OURS`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from weightscape.seeds import generator
from weightscape.spectra import farms, marchenko_pastur, outliers, phases, powerlaw, scale_free, tail_certainty
from weightscape.spectra.eigenvalues import rank
from weightscape.spectra.settings import SpectraSettings


def bulk(values: np.ndarray, larger: int, floor: float = 0.0) -> dict[str, float]:
    """Outliers and distance to the Marchenko-Pastur law of [slices, M] eigenvalues.

    Here and below, singular values up to `floor` are the rounding of the weights as they are stored.
    """
    found = [outliers.find(row, larger, floor) for row in values]
    variances = np.array([item.variance for item in found])
    columns = {
        "num_outliers": sum(item.count for item in found),
        "outlier_edge": float(np.mean([item.edge for item in found])),
        "outlier_energy": float(np.mean([item.energy for item in found])),
        "noise_variance": float(variances.mean()),
    }
    columns["mp_lower"], columns["mp_upper"] = marchenko_pastur.edges(
        larger, values.shape[1], columns["noise_variance"]
    )
    if (variances > 0).all():
        scaled = np.sort((values / (larger * variances[:, None])).ravel())
        columns["mp_kolmogorov"] = marchenko_pastur.kolmogorov(scaled, values.shape[1] / larger)
        columns["mp_wasserstein"] = marchenko_pastur.wasserstein(scaled, values.shape[1] / larger)
    return columns


def shapes(
    values: np.ndarray, per_slice: np.ndarray, larger: int, settings: SpectraSettings, floor: float = 0.0
) -> dict[str, float]:
    """Scale-free summaries of sorted pooled eigenvalues."""
    kept = above_rank(values, larger, floor)
    columns = {
        "effective_rank": scale_free.effective_rank(values),
        "participation_ratio": scale_free.participation_ratio(values),
        "hill_alpha": scale_free.hill(kept),
    }
    if settings.spacing:
        ratios = [scale_free.spacing_ratio(above_rank(row, larger, floor)) for row in per_slice]
        columns["spacing_ratio"] = _mean(ratios)
    return columns


def above_rank(values: np.ndarray, larger: int, floor: float = 0.0) -> np.ndarray:
    """The sorted eigenvalues above numerical rank and above the square of `floor`."""
    kept = values[len(values) - rank(values, larger) :]
    return kept[np.searchsorted(kept, floor**2, side="right") :]


def _mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def tail(values: np.ndarray, larger: int, settings: SpectraSettings, name: str, floor: float = 0.0) -> dict[str, float]:
    """The tail exponent with its interval, goodness of fit and alternatives; `name` seeds the draws."""
    kept = above_rank(values, larger, floor)
    found = powerlaw.fit(kept, settings.tail_minimum)
    if found is None:
        return {}
    columns = {
        "tail_alpha": found.alpha,
        "tail_xmin": found.xmin,
        "tail_size": found.size,
        "tail_distance": found.distance,
        "tail_sigma": found.sigma,
    }
    if settings.interval:
        random = generator(settings.seed, "spectra-interval", name)
        low, high = tail_certainty.interval(
            kept, settings.tail_minimum, settings.interval_draws, settings.interval_level, random
        )
        columns |= {"tail_alpha_low": low, "tail_alpha_high": high}
    if settings.goodness:
        random = generator(settings.seed, "spectra-goodness", name)
        columns["tail_p"] = tail_certainty.goodness(kept, found, settings.tail_minimum, settings.goodness_draws, random)
    if settings.alternatives:
        columns |= tail_certainty.alternatives(kept[found.start :])
    return columns


def fixed_aspect(slices: np.ndarray, settings: SpectraSettings, floor: float = 0.0) -> dict[str, float]:
    """The FARMS exponent with its window."""
    side, aspect, stride = settings.farms_side, settings.farms_aspect, settings.farms_stride
    tall, wide = farms.window(side, aspect)
    return {
        "farms_alpha": farms.fixed_aspect_exponent(slices, side, aspect, stride, floor),
        "farms_rows": tall,
        "farms_columns": wide,
        "farms_stride": stride,
    }


def phase(columns: Mapping[str, Any]) -> str | None:
    """The phase from columns that are there already."""
    return phases.phase(columns)
