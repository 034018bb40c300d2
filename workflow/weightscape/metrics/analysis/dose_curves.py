"""Dose curves: how fast a family's effect grows, and whether it has one direction.

The slope is the least-squares line through the means of a family's conditions, the baseline among them, with equal
weight for each, however many runs it has; as a contrast of means it gets the interval of `contrasts`. Lack of fit: F of
the k - 2 contrasts of the means that are zero on every line, whatever its slope, against the variance between runs.
"""

import numpy as np
from scipy.special import fdtrc

from weightscape.families import BASELINE, neutral
from weightscape.metrics.analysis.contrasts import NAN, Estimate, Values, contrast, within
from weightscape.metrics.analysis.design import Condition, Design
from weightscape.metrics.effects import varies


def slope_weights(design: Design, family: str, x: dict[str, float]) -> dict[Condition, float]:
    """The weights of the slope on x (by dose), as a contrast of condition means; empty where x does not vary."""
    conditions, at = _conditions(design, family, x)
    centred = at - at.mean()
    total = float(centred @ centred)
    if not varies(np.sqrt(total / len(at)), np.abs(at).max()):
        return {}
    return dict(zip(conditions, (centred / total).tolist(), strict=True))


def _conditions(design: Design, family: str, x: dict[str, float]) -> tuple[list[Condition], Values]:
    """The reference and the doses of a family, and their x."""
    conditions = design.curve(family)
    return conditions, np.array([x[dose] for _, dose in conditions])


def slope(design: Design, values: Values, family: str, x: dict[str, float], level: float = 0.95) -> Estimate | None:
    """Change of values [runs] per unit of x (by dose); None where x does not vary."""
    weights = slope_weights(design, family, x)
    return contrast(design, values, weights, level) if weights else None


def by_number(design: Design, family: str) -> dict[str, float]:
    """The plain doses' numbers, and the neutral number for the baseline; NaN for a family without one."""
    return {BASELINE: neutral(family)} | {dose: design.numbers[family, dose] for dose in design.plain(family)}


def lack_of_fit(design: Design, values: Values, family: str, x: dict[str, float]) -> float:
    """p of the conditions' means lying on a line; NaN for fewer than three conditions or no replicates."""
    conditions, at = _conditions(design, family, x)
    means = np.array([values[design.rows[condition]].mean() for condition in conditions])
    spread, df = within(design.of_family(family), values)
    if len(at) < 3 or not df or not varies(np.sqrt(spread), np.abs(means).max()) or np.ptp(at) == 0:
        return NAN
    bends = np.linalg.qr(np.stack([np.ones(len(at)), at], axis=1), mode="complete")[0][:, 2:]
    share = [0.0 if condition in design.fixed else 1 / len(design.rows[condition]) for condition in conditions]
    covariance = spread * bends.T @ (np.array(share)[:, None] * bends)
    if np.linalg.cond(covariance) > 1e12:  # too many conditions are one value that no seed draws
        return NAN
    rest = bends.T @ means
    return float(fdtrc(len(rest), df, rest @ np.linalg.solve(covariance, rest) / len(rest)))


def monotone(design: Design, values: Values, family: str) -> bool:
    """Whether the means of a family's conditions only rise, or only fall, with its dose."""
    conditions, at = _conditions(design, family, by_number(design, family))
    means = np.array([values[design.rows[condition]].mean() for condition in conditions])
    steps = np.diff(means[np.argsort(at)])
    return bool((steps > 0).all() or (steps < 0).all())
