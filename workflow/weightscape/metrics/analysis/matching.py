"""Doses of different families made comparable: each dose curve is interpolated to one common level.

The level is measured per run (the relative change of the hidden weights, or the loss on the clean training images
in evaluation mode; never on test or OOD images) and taken relative to the family's own baseline. Curves are linear
between doses and never extrapolated: families that do not reach a common level have no overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from weightscape.families import BASELINE
from weightscape.metrics.analysis.contrasts import Values, contrast
from weightscape.metrics.analysis.design import Design
from weightscape.words import families as of_families


@dataclass(frozen=True)
class Curve:
    """The runs of one family, baseline first and then by dose: profiles [runs, layers] and levels [runs] of each."""

    doses: list[str]
    profiles: list[Values]
    levels: list[Values]

    @classmethod
    def of(cls, design: Design, family: str, profiles: Values, levels: Values) -> "Curve":
        """The curve of a family that has a baseline and at least one dose."""
        doses = [BASELINE, *design.doses(family)]
        rows = [design.rows[family, dose] for dose in doses]
        return cls(doses, [profiles[at] for at in rows], [levels[at] for at in rows])

    def single(self, dose: str) -> "Curve":
        """The curve with one dose only."""
        keep = [0, self.doses.index(dose)]
        return Curve([self.doses[i] for i in keep], [self.profiles[i] for i in keep], [self.levels[i] for i in keep])


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
    moved = [shifts(each) for each in levels]
    first = moved[0]
    sign = np.sign(first[np.argmax(np.abs(first))])
    reach = min(float((sign * each).max()) for each in moved)
    return sign * reach if reach > 0 else None


def overlap(design: Design, levels: Values, families: Sequence[str], alpha: float) -> str:
    """Why families have no common level beyond the spread of runs; empty where they have one."""
    reached = {}
    for family in families:
        best = [contrast(design, levels, design.effect(family, dose), 1 - alpha) for dose in design.doses(family)]
        clear = [each for each in best if each.p < alpha]
        reached[family] = {float(np.sign(each.value)) for each in clear}
    if not np.isfinite(levels[np.concatenate([design.rows[c] for c in design.rows if c[0] in families])]).all():
        return "the level to match on was not measured in every run"
    still = [family for family, signs in reached.items() if not signs]
    if still:
        return f"no overlap: no dose of {of_families(still)} moves the matched level beyond the spread of runs"
    first = reached[families[0]]
    apart = [family for family in families[1:] if not reached[family] & first]
    if apart:
        return f"no overlap: {of_families([families[0], *apart])} move the matched level in opposite directions"
    return ""


def as_weights(family: str, curve: Curve, weights: Values) -> Mapping[tuple[str, str], float]:
    """Coefficients as the weights of a contrast."""
    return {(family, dose): float(w) for dose, w in zip(curve.doses, weights, strict=True) if w}
