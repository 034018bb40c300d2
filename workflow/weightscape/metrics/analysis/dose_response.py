"""Dose response: how fast a family's effect grows, against its dose and against the matched level.

The slope is the least-squares line through the means of a family's conditions, its baseline among them; as a
contrast of means it gets the interval of `intervals`. Lack of fit: F of the conditions' means about the line against
the variance between runs, with k - 2 degrees of freedom for k conditions.
"""

import numpy as np
from scipy.special import fdtrc

from weightscape.families import BASELINE, neutral
from weightscape.metrics.analysis.contrasts import Estimate, Values, contrast, within
from weightscape.metrics.analysis.design import Design
from weightscape.metrics.effects import varies


def slope_weights(design: Design, family: str, x: dict[str, float]) -> dict[tuple[str, str], float]:
    """The weights of the slope on x (by dose), as a contrast of condition means; empty where x does not vary."""
    doses = [BASELINE, *design.doses(family)]
    at = np.array([x[dose] for dose in doses])
    n = np.array([len(design.rows[family, dose]) for dose in doses], float)
    centred = at - np.average(at, weights=n)
    total = float(n @ centred**2)
    if not varies(np.sqrt(total / n.sum()), np.abs(at).max()):
        return {}
    return {(family, dose): float(w) for dose, w in zip(doses, n * centred / total, strict=True)}


def slope(design: Design, values: Values, family: str, x: dict[str, float], level: float = 0.95) -> Estimate | None:
    """Change of values [runs] per unit of x (by dose); None where x does not vary."""
    weights = slope_weights(design, family, x)
    return contrast(design, values, weights, level) if weights else None


def by_number(design: Design, family: str) -> dict[str, float]:
    """The doses' numbers, and the neutral number for the baseline; NaN for a family without one."""
    return {BASELINE: neutral(family)} | {dose: design.numbers[family, dose] for dose in design.doses(family)}


def by_level(design: Design, family: str, levels: Values) -> dict[str, float]:
    """The doses' mean levels [runs] relative to the baseline's."""
    start = levels[design.rows[family, BASELINE]].mean()
    return {dose: float(levels[design.rows[family, dose]].mean() - start) for dose in [BASELINE, *design.doses(family)]}


def lack_of_fit(design: Design, values: Values, family: str, x: dict[str, float]) -> float:
    """p of the conditions' means lying on a line; NaN for fewer than three conditions or no replicates."""
    doses = [BASELINE, *design.doses(family)]
    means = np.array([values[design.rows[family, dose]].mean() for dose in doses])
    n = np.array([len(design.rows[family, dose]) for dose in doses], float)
    at = np.array([x[dose] for dose in doses])
    spread, df = within(design, values, family)
    if len(doses) < 3 or not df or not varies(np.sqrt(spread), np.abs(means).max()) or np.ptp(at) == 0:
        return float("nan")
    line = np.polynomial.Polynomial.fit(at, means, 1, w=np.sqrt(n))
    rest = float(n @ (means - line(at)) ** 2) / (len(doses) - 2)
    return float(fdtrc(len(doses) - 2, df, rest / spread))
