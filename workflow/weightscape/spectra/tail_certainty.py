"""Measures the certainty of a tail exponent: bootstrap interval, goodness of fit, other laws on the same tail.

Clauset, Shalizi & Newman (2009), sections 3.3, 4.1 and 5; Vuong (1989). All treat eigenvalues as independent
draws.
"""

import numpy as np

from weightscape.spectra import other_laws, powerlaw
from weightscape.spectra.powerlaw import PowerLaw


def interval(
    values: np.ndarray, minimum: int, draws: int, level: float, random: np.random.Generator
) -> tuple[float, float]:
    """Percentile bootstrap interval of the exponent; every draw repeats the search for xmin."""
    found = []
    for _ in range(draws):
        # sorting indices of sorted values is sorting the sample
        sample = values[np.sort(random.integers(0, len(values), len(values)))]
        fit = powerlaw.fit(sample, minimum)
        if fit is not None:
            found.append(fit.alpha)
    if len(found) < draws / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def goodness(values: np.ndarray, fit: PowerLaw, minimum: int, draws: int, random: np.random.Generator) -> float:
    """Share of semi-parametric samples whose own fit is as far as the data's: small refutes the power law."""
    below = values[: fit.start]
    worse = 0
    for _ in range(draws):
        tail = random.binomial(len(values), fit.size / len(values)) if len(below) else len(values)
        drawn = fit.xmin * (1.0 - random.random(tail)) ** (-1.0 / (fit.alpha - 1.0))
        rest = random.choice(below, len(values) - tail) if tail < len(values) else below[:0]
        again = powerlaw.fit(np.sort(np.concatenate([rest, drawn])), minimum)
        worse += again is not None and again.distance >= fit.distance
    return worse / draws


def alternatives(tail: np.ndarray) -> dict[str, float]:
    """Truncated power law, lognormal and exponential against the power law on sorted values from xmin on."""
    from scipy.special import erfc

    ratios = tail / tail[0]
    truncated = other_laws.truncated_power_law(ratios)
    gain = max(truncated.log_likelihood - other_laws.power_law(ratios).sum(), 0.0)
    columns = {
        "truncated_beta": truncated.beta,
        "truncated_rate": float(truncated.rate / tail[0]),
        "truncated_p": float(0.5 * erfc(np.sqrt(gain))) if truncated.rate > 0 else 1.0,
    }
    for name, rival in (("lognormal", other_laws.lognormal), ("exponential", other_laws.exponential)):
        ratio, p_value = vuong(other_laws.power_law(ratios) - rival(ratios))
        columns |= {f"{name}_ratio": ratio, f"{name}_p": p_value}
    return columns


def vuong(differences: np.ndarray) -> tuple[float, float]:
    """Normalised log-likelihood ratio and its two-sided p-value; NaN when the laws agree at every point."""
    from scipy.special import erfc

    spread = differences.std()
    if spread <= 1e-12 * max(1.0, np.abs(differences).max()):
        return float("nan"), float("nan")
    ratio = differences.sum() / (np.sqrt(len(differences)) * spread)
    return float(ratio), float(erfc(abs(ratio) / np.sqrt(2)))
