"""Penalty transfer: does training with one regulariser lower the penalty of another?

A penalty is the loss under a regulariser's perturbation less the clean loss (table `penalties`). If diversity acted as
dropout does, training with either would lower both penalties. Each effect is the contrast of a condition's runs with
the baseline pool, with the interval of all effects (`contrasts`). It decides no claim.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from weightscape.families import BASELINE
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import contrast, standardised
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup, penalty

UNIT = "nats"
NUMBERS = ("low", "high", "df", "statistic", "p", "welch_p")


def doses(penalties: Table | None) -> dict[str, str]:
    """The dose that perturbs, by family, in the order of the table `penalties`."""
    return {} if penalties is None else dict(zip(penalties["penalty"], penalties["penalty_dose"], strict=True))


def table(setup: Setup, doses: Mapping[str, str], options: Options) -> Table:
    """The effect of every condition on every penalty, of those that were measured."""
    return pd.DataFrame(list(_rows(setup, doses, options)))


def _rows(setup: Setup, doses: Mapping[str, str], options: Options) -> Iterator[dict[str, object]]:
    for of, perturbing in doses.items():
        values = setup.outcomes.get(penalty(of))
        if values is None:
            continue
        gone = {condition for condition, at in setup.design.rows.items() if not np.isfinite(values[at]).all()}
        design = setup.design.without(gone)
        for family, dose in design.rows:
            reference = design.reference(family)
            if dose == BASELINE or reference is None:
                continue
            found = contrast(design, values, design.effect(family, dose), options.level)
            yield {
                "family": family,
                "dose": dose,
                "number": design.numbers[family, dose],
                "penalty": of,
                "penalty_dose": perturbing,
                "baseline": float(values[design.rows[reference]].mean()),
                "mean": float(values[design.rows[family, dose]].mean()),
                "estimate": float(found.value),
                **{name: float(getattr(found, name)) for name in NUMBERS},
                "standardised": float(standardised(found)),
                "pooled_sd": float(found.pooled),
                "n": found.runs,
                "unit": UNIT,
                "destructive": (family, dose) in setup.destructive,
            }
