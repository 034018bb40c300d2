"""Conditions as samples: their means relative to their family's baseline."""

from collections.abc import Sequence

import numpy as np

from weightscape.families import BASELINE, DATA_FAMILIES
from weightscape.metrics.analysis.contrasts import Values
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.setups import Setup


def measured_conditions(
    setup: Setup, measures: Sequence[Values], families: Sequence[str] = DATA_FAMILIES
) -> list[Condition]:
    """The conditions of some families of which all measures [runs] are there, and those of the baseline."""
    whole = np.all([np.isfinite(values) for values in measures], axis=0)
    rows = setup.design.rows
    return [
        (family, dose)
        for (family, dose), at in rows.items()
        if family in families
        and dose != BASELINE
        and (family, BASELINE) in rows
        and whole[at].all()
        and whole[rows[family, BASELINE]].all()
    ]


def relative(setup: Setup, values: Values, conditions: Sequence[Condition]) -> Values:
    """Each condition's mean less its family's baseline mean."""
    rows = setup.design.rows
    return np.array([values[rows[c]].mean() - values[rows[c[0], BASELINE]].mean() for c in conditions])
