"""Our own columns: outliers, shape, tail and phase of a spectrum, all scale-free in their rules.

Docs of each column: `columns.OURS`. Phases of training are those of Martin & Mahoney (2021, section 5), with a rule
in place of inspection. In this order: 1. rank-collapse: fewer than half of the eigenvalues are above rounding; 2. the
bulk follows Marchenko-Pastur (Kolmogorov distance to the law <= 0.1 + 1.36 / sqrt(n), the eigenvalues' number n):
random-like without outliers; bleeding-out when the largest eigenvalue is below 1.5 x the outlier edge; bulk+spikes
else; 3. heavy-tailed: a tail exponent <= 4 on at least 20 eigenvalues; 4. bulk-decay: the rest.
"""

from collections.abc import Mapping

import numpy as np

from weightscape.seeds import generator
from weightscape.spectra import marchenko_pastur, powerlaw, scale_free, tail_certainty
from weightscape.spectra.eigenvalues import above_rank, ranks
from weightscape.spectra.overlaps import Spectrum
from weightscape.spectra.settings import SpectraSettings

BULK_DISTANCE = 0.1
SAMPLING = 1.36  # 95 % point of the Kolmogorov law, for small spectra
REST, REST_SPREAD, FEWEST = (0.85, 0.32), 0.6, 5
BLEEDING = 1.5
HEAVY = 4.0
LONG = 20


def columns(found: Spectrum, larger: int, settings: SpectraSettings, name: str, floor: float) -> dict[str, float]:
    """Our columns of a spectrum that is not zero, but for the phase; `name` seeds the draws.

    Singular values up to `floor` are the rounding of the weights as they are stored.
    """
    kept = above_rank(found.values, larger, floor)
    row = _bulk(found.per_slice, larger, floor)
    row |= {
        "rank": int(ranks(found.per_slice, larger, floor).sum()),
        "effective_rank": scale_free.effective_rank(found.values),
        "participation_ratio": scale_free.participation_ratio(found.values),
        "hill_alpha": scale_free.hill(kept),
    }
    if settings.spacing:
        ratios = [scale_free.spacing_ratio(above_rank(values, larger, floor)) for values in found.per_slice]
        finite = [ratio for ratio in ratios if np.isfinite(ratio)]
        row["spacing_ratio"] = float(np.mean(finite)) if finite else float("nan")
    row |= _tail(kept, settings, name)
    if settings.farms:
        tall, wide, stride = (
            round(settings.farms_side * settings.farms_aspect),
            settings.farms_side,
            settings.farms_stride,
        )
        row["farms_alpha"] = scale_free.fixed_aspect_exponent(found.slices, tall, wide, stride, floor)
        row |= {"farms_rows": tall, "farms_columns": wide, "farms_stride": stride}
    return row


def _bulk(values: np.ndarray, larger: int, floor: float) -> dict[str, float]:
    """Outliers and distance to the Marchenko-Pastur law of [slices, M] eigenvalues."""
    outliers = [marchenko_pastur.outliers(row, larger, floor) for row in values]
    variances = np.array([slice_.variance for slice_ in outliers])
    row = {
        "num_outliers": sum(slice_.count for slice_ in outliers),
        "outlier_edge": float(np.mean([slice_.edge for slice_ in outliers])),
        "outlier_energy": float(np.mean([slice_.energy for slice_ in outliers])),
        "noise_variance": float(variances.mean()),
    }
    row["mp_lower"], row["mp_upper"] = marchenko_pastur.edges(larger, values.shape[1], row["noise_variance"])
    if (variances > 0).all():
        scaled = np.sort((values / (larger * variances[:, None])).ravel())
        row["mp_kolmogorov"] = marchenko_pastur.kolmogorov(scaled, values.shape[1] / larger)
        row["mp_wasserstein"] = marchenko_pastur.wasserstein(scaled, values.shape[1] / larger)
    return row


def rest_is_noise(values: np.ndarray, larger: int, floor: float) -> bool:
    """Whether [slices, M] eigenvalues without their outliers follow the Marchenko-Pastur law, as noise does.

    Only then do outliers count signals. M times the Kolmogorov distance of noise with and without planted directions
    has the median .85 + .32 ln M for M from 10 to 320, and exceeds it by .6 in 5 % of slices. A slice without noise,
    whose rest is rounding, passes, and one of whose rest too few are left to tell.
    """
    distances = []
    for row in values:
        found = marchenko_pastur.outliers(row, larger, floor)
        rest, longer = row[: len(row) - found.count], larger - found.count
        if found.variance > 0 and len(rest) >= FEWEST:
            distance = marchenko_pastur.kolmogorov(rest / (longer * found.variance), len(rest) / longer)
            distances.append(len(rest) * distance - REST[0] - REST[1] * np.log(len(rest)))
    return not distances or float(np.mean(distances)) <= REST_SPREAD / len(distances) ** 0.5


def _tail(kept: np.ndarray, settings: SpectraSettings, name: str) -> dict[str, float]:
    """The tail exponent with its interval, goodness of fit and alternatives."""
    fit = powerlaw.fit(kept, settings.tail_minimum)
    if fit is None:
        return {}
    row = {
        "tail_alpha": fit.alpha,
        "tail_xmin": fit.xmin,
        "tail_size": fit.size,
        "tail_distance": fit.distance,
        "tail_sigma": fit.sigma,
    }
    if settings.interval:
        random = generator(settings.seed, "spectra-interval", name)
        draws, level = settings.interval_draws, settings.interval_level
        ends = tail_certainty.interval(kept, settings.tail_minimum, draws, level, random)
        row["tail_alpha_low"], row["tail_alpha_high"] = ends
    if settings.goodness:
        random = generator(settings.seed, "spectra-goodness", name)
        row["tail_p"] = tail_certainty.goodness(kept, fit, settings.tail_minimum, settings.goodness_draws, random)
    if settings.alternatives:
        row |= tail_certainty.alternatives(kept[fit.start :])
    return row


def phase(columns: Mapping[str, float]) -> str | None:
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


def _bulk_phase(columns: Mapping[str, float]) -> str:
    if columns["num_outliers"] == 0:
        return "random-like"
    top = columns["spectral_norm"] / columns["ww_scale"]
    return "bleeding-out" if top < BLEEDING * columns["outlier_edge"] else "bulk+spikes"
