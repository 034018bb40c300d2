"""Dose curves: how fast a family's effect grows, and doses of different families made comparable.

The slope is the least-squares line through the means of a family's conditions, the baseline among them, with equal
weight for each, however many runs it has; as a contrast of means it gets the interval of `contrasts`. Lack of fit: F of
the k - 2 contrasts of the means that are zero on every line, whatever its slope, against the variance between runs.

To match families, each dose curve is interpolated to one common level. The level is measured per run (the relative
change of the hidden weights, or the loss on the clean training images in evaluation mode; never on test or OOD images)
and taken relative to the baseline. Curves are linear between doses and never extrapolated: families that
do not reach a common level have no overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from weightscape.families import BASELINE, neutral
from weightscape.metrics.analysis.contrasts import NAN, Estimate, Values, contrast, within
from weightscape.metrics.analysis.design import Condition, Design
from weightscape.metrics.effects import varies
from weightscape.words import families as of_families


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
    """The doses' numbers, and the neutral number for the baseline; NaN for a family without one."""
    return {BASELINE: neutral(family)} | {dose: design.numbers[family, dose] for dose in design.doses(family)}


def by_level(design: Design, family: str, levels: Values) -> dict[str, float]:
    """The doses' mean levels [runs] relative to the baseline's."""
    means = {condition[1]: float(levels[design.rows[condition]].mean()) for condition in design.curve(family)}
    return {dose: mean - means[BASELINE] for dose, mean in means.items()}


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


@dataclass(frozen=True)
class Curve:
    """The runs of one family, reference first and then by dose: profiles [runs, layers] and levels [runs] of each."""

    conditions: list[Condition]
    profiles: list[Values]
    levels: list[Values]

    @classmethod
    def of(cls, design: Design, family: str, profiles: Values, levels: Values) -> "Curve":
        """The curve of a family that has a reference and at least one dose."""
        conditions = design.curve(family)
        rows = [design.rows[condition] for condition in conditions]
        return cls(conditions, [profiles[at] for at in rows], [levels[at] for at in rows])

    def single(self, dose: str) -> "Curve":
        """The curve with one dose only."""
        keep = [0, [name for _, name in self.conditions].index(dose)]
        conditions = [self.conditions[i] for i in keep]
        return Curve(conditions, [self.profiles[i] for i in keep], [self.levels[i] for i in keep])


def shifts(levels: Sequence[float]) -> Values:
    """Mean level of each condition relative to the first, the baseline."""
    return np.asarray(levels, float) - levels[0]


def coefficients(levels: Sequence[float], level: float) -> Values | None:
    """Weights of a family's conditions whose sum is its effect at `level`; None where the curve does not reach it.

    `levels` are the conditions' mean levels, baseline first; `level` is relative to it. The first crossing counts.
    """
    shift = shifts(levels)
    for k in range(1, len(shift)):
        left, right = shift[k - 1], shift[k]
        if min(left, right) <= level <= max(left, right) and left != right:
            share = (level - left) / (right - left)
            weights = np.zeros(len(shift))
            weights[0] = -1.0
            weights[k - 1] += 1 - share
            weights[k] += share
            return weights
    return None


def common_level(levels: Sequence[Sequence[float]]) -> float | None:
    """The level farthest from the baselines that every family reaches, in the direction of the first family.

    None where a family does not move in that direction.
    """
    moved = [shifts(means) for means in levels]
    sign = np.sign(moved[0][np.argmax(np.abs(moved[0]))])
    reach = min(float((sign * shift).max()) for shift in moved)
    return sign * reach if reach > 0 else None


def overlap(design: Design, levels: Values, families: Sequence[str], alpha: float) -> str:
    """Why families have no common level beyond the spread of runs; empty where they have one."""
    reached = {}
    for family in families:
        best = [contrast(design, levels, design.effect(family, dose), 1 - alpha) for dose in design.doses(family)]
        reached[family] = {float(np.sign(effect.value)) for effect in best if effect.p < alpha}
    used = [condition for family in families for condition in design.curve(family)]
    if not all(np.isfinite(levels[design.rows[condition]]).all() for condition in used):
        return "the level to match on was not measured in every run"
    still = [family for family, signs in reached.items() if not signs]
    if still:
        return f"no overlap: no dose of {of_families(still)} moves the matched level beyond the spread of runs"
    first = reached[families[0]]
    apart = [family for family in families[1:] if not reached[family] & first]
    if apart:
        return f"no overlap: {of_families([families[0], *apart])} move the matched level in opposite directions"
    return ""
