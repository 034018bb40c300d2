"""The weighted Vendi score WVS = VS_1(X') rho(X, X'), as published and with a rho that has no row order.

X are the rows of the plain real training set, X' those of the set that is trained on. As published (Ba, Mancenido &
Pan, arXiv 2410.14602) rho = <X, X'>_F / (|X|_F |X'|_F) pairs the two *by row*, both cut to equal n: for rows without a
partner (synthetic images) another order gives another score, so its range over row permutations is shown beside it. The
formula does not tell whether rows have unit length, as they have for the Vendi score: `published` takes unit rows,
`published_raw` rows as they are. All else takes unit rows. Two other rho do not depend on the order:

- covariance: <C, C'>_F / (|C|_F |C'|_F) with C the centred covariance (the linear CKA of Kornblith et al.
  2019 with features in the place of samples);
- mean: the cosine of the two mean rows.

In an `add` family only the appended rows enter rho, while VS is that of the whole set.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from weightscape.diversity.rows import Record, Rows, draw, unit_rows
from weightscape.diversity.settings import DiversitySettings


def paired_rho(left: Rows, right: Rows) -> float:
    """Cosine of two equally many unit rows as one long vector each: rho as published, in [-1, 1]."""
    return float(np.vdot(left, right) / len(left))


def permuted_rho(left: Rows, right: Rows, count: int, rng: np.random.Generator) -> Record:
    """Range, mean and spread of rho over the given order and `count` random orders of the rows of `right`.

    `expected` is the exact mean over all orders: the product of the two mean rows.
    """
    values = [paired_rho(left, right[rng.permutation(len(right))]) for _ in range(count)]
    all_values = np.array([paired_rho(left, right), *values])
    return {
        "count": count,
        "min": float(all_values.min()),
        "mean": float(np.mean(values)) if values else None,
        "max": float(all_values.max()),
        "sd": float(np.std(values, ddof=1)) if count > 1 else None,
        "expected": float(left.mean(axis=0) @ right.mean(axis=0)),
    }


def extreme_rho(left: Rows, right: Rows, most: int, rng: np.random.Generator) -> Record:
    """Least and greatest rho of all row orders, exact by assignment, on at most `most` of the pairs."""
    chosen = draw(rng, len(left), most)
    cosines = left[chosen] @ right[chosen].T
    least, greatest = (cosines[linear_sum_assignment(cosines, maximize=most)].mean() for most in (False, True))
    return {"pairs": len(chosen), "min": float(least), "max": float(greatest)}


def mean_rho(left: Rows, right: Rows) -> float | None:
    """Cosine of the mean rows; None where a mean is zero."""
    return _cosine(left.mean(axis=0), right.mean(axis=0), _ROUNDING)


def covariance_rho(left: Rows, right: Rows) -> float | None:
    """Cosine of the centred covariances, in [0, 1]; None where a set does not vary."""
    left, right = left - left.mean(axis=0), right - right.mean(axis=0)
    if left.shape[1] <= max(len(left), len(right)):
        return _cosine(left.T @ left / len(left), right.T @ right / len(right))
    # <X^T X, Y^T Y>_F = |X Y^T|_F^2: three matrices of rows instead of two of dimensions.
    between = np.sum((left @ right.T) ** 2)
    within = np.linalg.norm(left @ left.T) * np.linalg.norm(right @ right.T)
    return float(between / within) if within > _NEGLIGIBLE else None


_ROUNDING = 1e-12  # errors in unit rows and their means
_NEGLIGIBLE = _ROUNDING**2  # their squares


def _cosine(left: Rows, right: Rows, least: float = _NEGLIGIBLE) -> float | None:
    length = np.linalg.norm(left) * np.linalg.norm(right)
    return float(np.vdot(left, right) / length) if length > least else None


def weighted_scores(
    vendi: float, rows: Rows, baseline: Rows, settings: DiversitySettings, rng: np.random.Generator
) -> Record:
    """The record: each rho, and `vendi` times it.

    `rows` are those that enter rho (all, or the appended ones), `baseline` those of the plain real set, both as they
    are; the pairs are their first rows, as many as both have.
    """
    pairs = min(len(rows), len(baseline))
    raw = _cosine(baseline[:pairs].astype(np.float64), rows[:pairs].astype(np.float64))
    rows, baseline = unit_rows(rows), unit_rows(baseline)
    left, right = baseline[:pairs], rows[:pairs]
    published = paired_rho(left, right)
    orders = permuted_rho(left, right, settings.permutations, rng)
    free = {"published_raw": raw, "covariance": covariance_rho(baseline, rows), "mean": mean_rho(baseline, rows)}
    return {
        "pairs": pairs,
        "rho": {"published": published, "permuted": orders, **free},
        "rho_extremes": extreme_rho(left, right, settings.assigned_rows, rng),
        "score": {
            "published": vendi * published,
            "permuted_min": vendi * orders["min"],
            "permuted_max": vendi * orders["max"],
            **{name: None if rho is None else vendi * rho for name, rho in free.items()},
        },
    }
