"""Measures the certainty of a tail exponent: bootstrap interval, goodness of fit, other laws on the same tail.

Clauset, Shalizi & Newman (2009), sections 3.3, 4.1 and 5; Vuong (1989). All treat eigenvalues as independent
draws.

The other laws are fitted to y = x / xmin >= 1 by maximum likelihood. Truncated power law: y^-beta exp(-mu y) / Z,
Z = E_beta(mu), an exponential family in (ln y, y), so that the likelihood is concave; Newton's method with the
constraint mu >= 0, integrals by quadrature in u = ln y.
"""

import functools
from dataclasses import dataclass

import numpy as np

from weightscape.spectra import powerlaw
from weightscape.spectra.powerlaw import PowerLaw

NODES = 400  # of Gauss-Legendre quadrature in u; its error is below 1e-10 for the smooth integrands here
NEGLIGIBLE = 45.0  # exp(-45) = 3e-20


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
    truncated = truncated_power_law(ratios)
    gain = max(truncated.log_likelihood - power_law(ratios).sum(), 0.0)
    columns = {
        "truncated_beta": truncated.beta,
        "truncated_rate": float(truncated.rate / tail[0]),
        "truncated_p": float(0.5 * erfc(np.sqrt(gain))) if truncated.rate > 0 else 1.0,
    }
    for name, rival in (("lognormal", lognormal), ("exponential", exponential)):
        ratio, p_value = vuong(power_law(ratios) - rival(ratios))
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


@dataclass(frozen=True)
class Truncated:
    """A fitted truncated power law; `rate` is mu, per xmin."""

    beta: float
    rate: float
    log_likelihood: float


def power_law(ratios: np.ndarray) -> np.ndarray:
    """Log-density of the fitted power law at each y = x / xmin."""
    logs = np.log(ratios)
    alpha = 1.0 + len(logs) / logs.sum()
    return np.log(alpha - 1.0) - alpha * logs


def exponential(ratios: np.ndarray) -> np.ndarray:
    """Log-density of the fitted exponential, shifted to start at 1."""
    rate = 1.0 / (ratios - 1.0).mean()
    return np.log(rate) - rate * (ratios - 1.0)


def lognormal(ratios: np.ndarray) -> np.ndarray:
    """Log-density of the fitted lognormal, truncated to y >= 1: ln y is a normal cut at 0.

    The power law is its limit at centre = -deviation^2 / (alpha - 1), deviation to infinity; where no lognormal is
    likelier, that limit is the fit.
    """
    from scipy.optimize import minimize
    from scipy.special import log_ndtr

    logs = np.log(ratios)

    def densities(parameters: np.ndarray) -> np.ndarray:
        centre, deviation = parameters[0], np.exp(parameters[1])
        z = (logs - centre) / deviation
        return -0.5 * z**2 - parameters[1] - 0.5 * np.log(2 * np.pi) - log_ndtr(centre / deviation)

    mean, deviation = logs.mean(), logs.std()
    starts = [[mean, np.log(deviation)], [-25 * mean, np.log(5 * mean)]]
    options = {"xatol": 1e-8, "fatol": 1e-12}
    fits = [
        minimize(lambda p: -densities(p).mean(), np.array(s), method="Nelder-Mead", options=options) for s in starts
    ]
    found = densities(min(fits, key=lambda fit: fit.fun).x) - logs
    limit = power_law(ratios)
    return found if found.sum() > limit.sum() else limit


def truncated_power_law(ratios: np.ndarray, tolerance: float = 1e-12, most: int = 200) -> Truncated:
    """The fit with mu >= 0; mu = 0 is the power law."""
    means = np.array([np.log(ratios).mean(), ratios.mean()])
    alpha = 1.0 + 1.0 / means[0]
    if alpha > 2 and means[1] >= (alpha - 1) / (alpha - 2):
        return Truncated(float(alpha), 0.0, float(power_law(ratios).sum()))
    point = np.array([alpha - 1.0, 1.0 / means[1]])
    value, slope, curve = _objective(point, means)
    for _ in range(most):
        step = np.linalg.solve(curve, slope)
        length = min(1.0, 0.9 * point[1] / -step[1]) if step[1] < 0 else 1.0
        while True:
            moved = point + length * step
            new = _objective(moved, means)
            if new[0] >= value - 1e-14 * abs(value) or length < 1e-10:
                break
            length /= 2
        gain, point, (value, slope, curve) = new[0] - value, moved, new
        if abs(gain) <= tolerance * max(1.0, abs(value)) and np.abs(length * step).max() < 1e-8 * (1 + abs(point[0])):
            break
    return Truncated(float(point[0]), float(point[1]), float(len(ratios) * value))


def _objective(point: np.ndarray, means: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean log-likelihood at (beta, mu), its gradient and its negative Hessian (a covariance)."""
    log_z, expected, covariance = moments(*point)
    return float(-(point * means).sum() - log_z), expected - means, covariance


def moments(beta: float, rate: float) -> tuple[float, np.ndarray, np.ndarray]:
    """ln Z, means and covariance of (ln y, y) under y^-beta exp(-mu y) on y >= 1, mu > 0."""
    u, weights = _nodes(beta, rate)
    y = np.exp(u)
    exponent = (1.0 - beta) * u - rate * y
    top = exponent.max()
    mass = weights * np.exp(exponent - top)
    total = mass.sum()
    statistics = np.stack([u, y])
    expected = statistics @ mass / total
    centred = statistics - expected[:, None]
    return float(np.log(total) + top), expected, (centred * mass) @ centred.T / total


def _nodes(beta: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature over ln y from 0 to where the integrand, and that of y^2, has died."""
    end = np.log1p((NEGLIGIBLE + 10.0 * abs(min(beta - 3.0, 0.0))) / rate)
    if beta > 3.5:
        end = min(end, NEGLIGIBLE / (beta - 3.0))
    nodes, weights = _legendre()
    return end * (nodes + 1) / 2, weights * end / 2


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)
