"""WeightWatcher's columns, as version 0.7.7 executes them, with NaN where it has sentinels.

Docs of each column: `columns.WATCHER`; where the two differ on purpose: workflow/docs/spectra.md. The random null
permutes the entries of a matrix, which keeps their distribution and removes all structure.
"""

import numpy as np

from weightscape.spectra import marchenko_pastur, powerlaw
from weightscape.spectra.eigenvalues import rank, squared_singular_values

SCALES = {"conv2d": 0.5}  # pooled convolutions are multiplied by sqrt(1/2)
NOISE_FLOOR = 1e-5  # eigenvalues at or below it are dropped before the tail fit
SHARE_FLOOR = 1e-10  # added to shares and rank in the entropy
REPLICAS = 5  # of the null, for the largest eigenvalue of small matrices
MANY = 100  # eigenvalues from which one replica is enough


def scale(kind: str) -> float:
    """The factor on lambda."""
    return SCALES.get(kind, 1.0)


def norms(values: np.ndarray, larger: int) -> dict[str, float]:
    """Norms, ranks and entropy of sorted, scaled eigenvalues."""
    total, top = float(values.sum()), float(values[-1])
    found = rank(values, larger)
    columns = {"norm": total, "spectral_norm": top, "matrix_rank": found, "sv_max": float(np.sqrt(top))}
    if top > 0:
        columns |= {"log_norm": np.log10(total), "log_spectral_norm": np.log10(top), "stable_rank": total / top}
    if found > 1:
        shares = values / total + SHARE_FLOOR
        columns["entropy"] = -(shares * np.log(shares)).sum() / np.log(found + SHARE_FLOOR)
    return columns


def slice_columns(values: np.ndarray, larger: int) -> dict[str, float]:
    """Columns of [slices, M] scaled eigenvalues that are taken per slice."""
    lost = sum(values.shape[1] - rank(row, larger) for row in values)
    return {"sv_min": float(np.sqrt(max(values[:, 0].min(), 0.0))), "rank_loss": lost}


def tail(values: np.ndarray) -> tuple[dict[str, float], str]:
    """Power-law columns of sorted, scaled eigenvalues, and `ok` or the reason why there are none."""
    kept = values[np.searchsorted(values, NOISE_FLOOR, side="right") :]
    if len(kept) < powerlaw.FEWEST:
        return {}, f"{len(kept)} eigenvalues above {NOISE_FLOOR:g}, a fit needs {powerlaw.FEWEST}"
    found = powerlaw.fit(kept) if len(kept) >= powerlaw.FEW else powerlaw.fit_few(kept)
    if found is None:
        return {}, "all eigenvalues are equal"
    top = np.log10(values[-1])
    return {
        "alpha": found.alpha,
        "xmin": found.xmin,
        "xmax": found.xmax,
        "D": found.distance,
        "sigma": found.sigma,
        "num_pl_spikes": found.size,
        "alpha_weighted": found.alpha * top,
        "log_alpha_norm": _log_alpha_norm(values, found.alpha),
    }, "ok"


def _log_alpha_norm(values: np.ndarray, alpha: float) -> float:
    """log10 sum lambda^alpha, with the largest term taken out so that nothing overflows."""
    ratios = np.maximum(values, 0.0) / values[-1]
    return float(alpha * np.log10(values[-1]) + np.log10((ratios**alpha).sum()))


def bulk(values: np.ndarray, larger: int, smaller: int) -> dict[str, float]:
    """The Marchenko-Pastur fit of sorted, scaled eigenvalues."""
    fit = marchenko_pastur.fit_bulk(values, larger, smaller)
    if fit is None:
        return {}
    return {
        "sigma_mp": fit.sigma,
        "bulk_min": fit.lower,
        "bulk_max": fit.upper,
        "num_spikes": fit.spikes,
        "mp_softrank": fit.softrank,
    }


def random_null(slices: np.ndarray, values: np.ndarray, factor: float, random: np.random.Generator) -> dict[str, float]:
    """Columns of the permuted matrix; `slices` unscaled, `values` sorted and scaled by `factor`."""
    permuted = permuted_values(slices, random)
    return {
        "max_rand_eval": factor * largest(slices, permuted, random),
        "rand_distance": jensen_shannon(values, factor * permuted),
        "ww_softrank": float(factor * permuted[-1] / values[-1]),
    }


def permuted_values(slices: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sorted eigenvalues of all slices, each with its entries permuted."""
    shuffled = (random.permutation(matrix.reshape(-1)).reshape(1, *matrix.shape) for matrix in slices)
    return np.sort(np.concatenate([squared_singular_values(matrix)[0] for matrix in shuffled]))


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
