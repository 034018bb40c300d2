"""Conditions that destroy what they train: shown, but outside of family means and verdicts.

A condition is destructive when its validation accuracy lies more than `max_drop` below its family's baseline, or when
a judge recognises less than `judge_floor` of its images as the network sees them.
"""

import numpy as np
import pandas as pd

from weightscape.families import BASELINE
from weightscape.formats.tables import Table
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup


def drops(setup: Setup, options: Options) -> Table:
    """One row per condition: val_accuracy, its drop below the baseline, judge_accuracy, `destructive` and why."""
    rows = []
    for (family, dose), at in setup.design.rows.items():
        val = _mean(setup, "val", (family, dose))
        drop = _mean(setup, "val", (family, BASELINE)) - val if (family, BASELINE) in setup.design.rows else np.nan
        judge = _mean(setup, "judge", (family, dose)) if dose != BASELINE else np.nan
        why = [
            *([f"validation accuracy {100 * drop:.1f} points below baseline"] if drop > options.max_drop else []),
            *([f"the judge recognises {100 * judge:.1f} % of its images"] if judge < options.judge_floor else []),
        ]
        key = {"dataset": setup.dataset, "backbone": setup.backbone, "family": family, "dose": dose}
        values = {"val_accuracy": val, "drop": drop, "judge_accuracy": judge}
        number = setup.design.numbers[family, dose]
        destructive = bool(why) and dose != BASELINE
        rows.append(
            {**key, "number": number, "runs": len(at), **values, "destructive": destructive, "reason": "; ".join(why)}
        )
    return pd.DataFrame(rows)


def destructive(table: Table) -> tuple[Condition, ...]:
    """The conditions that the table calls destructive."""
    return tuple(table.loc[table["destructive"], ["family", "dose"]].itertuples(index=False, name=None))


def _mean(setup: Setup, outcome: str, condition: Condition) -> float:
    values = setup.outcomes.get(outcome)
    return float("nan") if values is None else float(values[setup.design.rows[condition]].mean())
