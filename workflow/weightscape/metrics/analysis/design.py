"""The runs of one data set and backbone by condition, of which every test of the analysis is made.

Values are arrays whose first axis runs over the runs, in the order of `Design.runs`; further axes are layers or
measures. A condition is (family, dose). Every family is measured against one condition of neutral runs: the pool, or
in published tables baseline runs of its own. What families share enters a contrast once, with the sum of its weights,
so that the chance that is common to their effects is carried exactly.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from weightscape.families import BASELINE, POOL, strength
from weightscape.formats.tables import Table

Condition = tuple[str, str]
Weights = Mapping[Condition, float]


class Measured(NamedTuple):
    """The diversity of a condition's training sets: ln Vendi, mean over runs, with its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class Design:
    """Positions of the runs of each condition, and the number that orders its family's doses.

    `references` has the families with baseline runs that are not the pool. `fixed` conditions are one value that no
    seed draws: they have no variance. `measured` is the diversity of the conditions that stand for diversity, where it
    was measured. `chosen` are those whose further images are chosen by their diversity, at one share in many ways.
    """

    rows: dict[Condition, np.ndarray]
    numbers: dict[Condition, float]
    references: Mapping[str, Condition] = field(default_factory=dict)
    fixed: frozenset[Condition] = frozenset()
    measured: Mapping[Condition, Measured] = field(default_factory=dict)
    chosen: frozenset[Condition] = frozenset()

    @classmethod
    def of(cls, runs: Table) -> "Design":
        """The design of a table with the columns family, dose, number and perhaps reference, by the rows' positions.

        Published tables repeat the baseline runs in each family that is measured against them, under one name in
        `reference`: the copies of the first of these families count.
        """
        groups = runs.reset_index(drop=True).groupby(["family", "dose"], sort=False)
        rows: dict[Condition, np.ndarray] = {
            (str(family), str(dose)): np.asarray(at, dtype=int) for (family, dose), at in groups.indices.items()
        }
        names = dict(zip(runs["family"], runs["reference"], strict=True)) if "reference" in runs else {}
        first: dict[object, Condition] = {}
        references = {
            family: first.setdefault(names.get(family, (family,)), (family, dose))
            for family, dose in rows
            if dose == BASELINE and family != BASELINE
        }
        kept = {c: at for c, at in rows.items() if c[1] != BASELINE or references.get(c[0], c) == c}
        numbers = runs["number"].to_numpy(float)
        return cls(kept, {condition: float(numbers[at[0]]) for condition, at in kept.items()}, references)

    @property
    def families(self) -> list[str]:
        """The families, in the order of their first run, without the pool."""
        return list(dict.fromkeys(family for family, _ in self.rows if family != BASELINE))

    def reference(self, family: str) -> Condition | None:
        """The condition that a family is measured against; None if there is none."""
        condition = self.references.get(family, POOL)
        return condition if condition in self.rows else None

    def doses(self, family: str) -> list[str]:
        """A family's doses in the order of their numbers, without its baseline and those that have no number."""
        own = [dose for name, dose in self.rows if name == family and dose != BASELINE]
        own = [dose for dose in own if not np.isnan(self.numbers[family, dose])]
        return sorted(own, key=lambda dose: self.numbers[family, dose])

    def plain(self, family: str) -> list[str]:
        """Its doses that do not choose images by their diversity, in the same order; all if every dose does."""
        doses = self.doses(family)
        return [dose for dose in doses if (family, dose) not in self.chosen] or doses

    def curve(self, family: str) -> list[Condition]:
        """The reference of a family, then its plain doses in the order of their numbers."""
        reference = self.reference(family)
        return [*([reference] if reference else []), *((family, dose) for dose in self.plain(family))]

    def unnumbered(self, family: str) -> bool:
        """Whether a family has doses, and none of them a number, so that none is known to be the strongest."""
        return not self.doses(family) and any(name == family and dose != BASELINE for name, dose in self.rows)

    def strongest(self, family: str) -> str | None:
        """The plain dose that stands for a family; None for a family without a dose or a reference.

        It is that of the largest measured diversity, where all doses of the family have one; of doses that the runs
        cannot tell from it (two standard errors), and in other families, that whose number is farthest from the
        baseline's.
        """
        doses = self.plain(family)
        if not doses or self.reference(family) is None:
            return None
        if all((family, dose) in self.measured for dose in doses):
            found = {dose: self.measured[family, dose] for dose in doses}
            best = max(found.values())
            doses = [
                dose for dose, own in found.items() if best.mean - own.mean <= 2 * math.hypot(own.error, best.error)
            ]
        return max(sorted(doses), key=lambda dose: strength(family, self.numbers[family, dose]))

    def without(self, conditions: Iterable[Condition]) -> "Design":
        """The design without some conditions."""
        gone = set(conditions)
        kept = {condition: at for condition, at in self.rows.items() if condition not in gone}
        return replace(self, rows=kept, numbers={condition: self.numbers[condition] for condition in kept})

    def of_family(self, family: str) -> "Design":
        """The design of one family and its reference."""
        return self.without(set(self.rows) - set(self.curve(family)))

    def each_once(self, values: np.ndarray) -> "Design":
        """The design of values [runs] that runs share: equal values of a condition are one measurement of one data set.

        A condition of several runs and one value is `fixed`.
        """
        first = {c: at[np.sort(np.unique(values[at], return_index=True)[1])] for c, at in self.rows.items()}
        fixed = frozenset(c for c, at in first.items() if len(at) == 1 < len(self.rows[c]))
        return replace(self, rows=first, fixed=fixed)

    def effect(self, family: str, dose: str, sign: float = 1.0) -> dict[Condition, float]:
        """The weights of a condition's effect: its mean minus that of its family's reference."""
        return {(family, dose): sign, self.references.get(family, POOL): -sign}

    def strongest_effect(self, family: str) -> dict[Condition, float]:
        """The weights of the effect of a family's strongest dose."""
        return self.effect(family, str(self.strongest(family)))

    def runs_of(self, weights: Weights) -> int:
        """The number of runs that a contrast is made of."""
        return sum(len(self.rows[condition]) for condition, weight in weights.items() if weight)


def difference(left: Weights, right: Weights) -> dict[Condition, float]:
    """The weights of left minus right."""
    return {key: left.get(key, 0.0) - right.get(key, 0.0) for key in {**left, **right}}


def average(contrasts: Sequence[Weights]) -> dict[Condition, float]:
    """The weights of the mean of contrasts."""
    conditions = dict.fromkeys(condition for weights in contrasts for condition in weights)
    return {c: sum(weights.get(c, 0.0) for weights in contrasts) / len(contrasts) for c in conditions}
