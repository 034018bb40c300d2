"""Conditions that destroy what they train: they are shown, but stand outside of family means and verdicts.

A condition is destructive if its validation accuracy lies more than `max_drop` below the baseline and the interval of
that drop lies above zero; or if a judge recognises less of its images, as the network sees them, than `judge_floor`
times what it recognises of the unchanged ones. A drop beyond `max_drop` that may be chance is `borderline`, and its
condition is kept. A judge that recognises less than half of the unchanged images tells nothing of changed ones, and
leaves none out. A condition whose synthetic images a failed generator made (`generate.quality.floor`) counts as
destructive too, whatever its accuracy.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics.analysis.contrasts import NAN, contrast
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.words import signed

LEAST_JUDGED = 0.5
"""Share of the unchanged images that a judge must recognise, to be asked about others."""
ROUNDING = 1e-9
"""Of accuracies: what lies this near to a limit lies on it."""


def failed_generators(quality: Table, dataset: str) -> dict[Condition, str]:
    """The faults of the generator by the conditions that draw from it, where its recipe has failed."""
    if not {"failed", "conditions"} <= set(quality.columns):
        return {}
    rows = quality[(quality["dataset"] == dataset) & (quality["failed"].fillna("") != "")].to_dict("records")
    return {
        (str(name).partition("/")[0], str(name).partition("/")[2]): f"FAILED: recipe {row['recipe']}: {row['failed']}"
        for row in rows
        for name in (row["conditions"] if isinstance(row["conditions"], list | np.ndarray) else ())
    }


def drops(setup: Setup, options: Options, failed: Mapping[Condition, str] | None = None) -> Table:
    """One row per condition: its accuracies and drop with its interval, `destructive`, `borderline` and why."""
    return pd.DataFrame([_row(setup, name, options, (failed or {}).get(name, "")) for name in setup.design.rows])


def _row(setup: Setup, condition: Condition, options: Options, failed: str) -> dict[str, str | float | bool]:
    family, dose = condition
    design = setup.design
    reference = design.reference(family) or condition
    row = {"family": family, "dose": dose, "number": design.numbers[condition], "runs": len(design.rows[condition])}
    row |= {"val_accuracy": _mean(setup, "val", condition), "judge_accuracy": _mean(setup, "judge", condition)}
    drop = low = high = NAN
    if condition != reference and "val" in setup.outcomes:
        found = contrast(design, setup.outcomes["val"], design.effect(family, dose), options.level)
        drop, low, high = -float(found.value), -float(found.high), -float(found.low)
    beyond = drop > options.max_drop + ROUNDING
    unseen = condition != reference and _unrecognised(row["judge_accuracy"], _mean(setup, "judge", reference), options)
    borderline = beyond and not low > 0 and not unseen and not failed
    why = [failed] if failed else []
    if beyond:
        span = f" ({signed(100 * low, 1)} to {signed(100 * high, 1)})" if np.isfinite(low) else ""
        chance = ", which may be chance: kept" if borderline else ""
        why.append(f"validation accuracy {100 * drop:.1f} points below baseline{span}{chance}")
    if unseen:
        known = f"{100 * _mean(setup, 'judge', reference):.1f} % of unchanged ones"
        why.append(f"the judge recognises {100 * row['judge_accuracy']:.1f} % of its images, {known}")
    row |= {"drop": drop, "drop_low": low, "drop_high": high, "borderline": borderline}
    return row | {"destructive": bool(why) and not borderline, "reason": "; ".join(why)}


def _unrecognised(judge: float, unchanged: float, options: Options) -> bool:
    """Whether a judge that knows the unchanged images does not know these; false where it saw none."""
    return unchanged >= LEAST_JUDGED and judge < options.judge_floor * unchanged - ROUNDING


def _mean(setup: Setup, outcome: str, condition: Condition) -> float:
    """The mean of an outcome over a condition's runs; NaN where it was not measured."""
    values = setup.outcomes.get(outcome)
    return NAN if values is None else float(values[setup.design.rows[condition]].mean())
