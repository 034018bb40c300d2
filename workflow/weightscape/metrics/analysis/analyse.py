"""From the tidy tables of a study to all tables of its analysis."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from weightscape.families import BASELINE, POOL
from weightscape.formats.tables import Table
from weightscape.metrics import table_schema
from weightscape.metrics.analysis import estimates
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.design import Condition
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup, setups

APART = ("effects", "run_effects", "effect_intervals", "outcome_intervals", "baseline_differences")
"""Tables of the program `analyse` beside those of the analysis."""


def analysed(tables: Mapping[str, Table], options: Options) -> dict[str, Table]:
    """The tables excluded, conditions, condition_effects, slopes, similarity, predictions, tests and claims.

    `tables` has `effects` (columns of `metrics.effects.against_baseline`) and, where they are there, evaluation, runs,
    layers, diversity, quantiles and curvature (RUN, weighted_trace, trace, largest_eigenvalue, batch_loss).
    What is not there leaves its claims undecided.
    """
    parts: dict[str, list[Table]] = {name: [] for name in table_schema.of("analyse") if name not in APART}
    claims: list[ClaimRow] = []
    for setup in setups(tables, options.metrics, options.match):
        conditions = drops(setup, options)
        destructive = conditions.loc[conditions["destructive"], ["family", "dose"]]
        setup = replace(setup, destructive=tuple(destructive.itertuples(index=False, name=None)))
        rows, tests = table.of_setup(setup, options)
        claims += rows
        kept = setup.only_kept().design
        pairs = zip(conditions["family"], conditions["dose"], strict=True)
        conditions["stands"] = [dose == kept.strongest(family) for family, dose in pairs]
        of_setup = {
            "excluded": pd.DataFrame(setup.excluded),
            "conditions": conditions,
            "condition_effects": estimates.condition_effects(setup, options),
            "slopes": estimates.slopes(setup, options),
            "similarity": estimates.similarities(setup, options),
            "predictions": estimates.predictions(setup, options),
            "tests": pd.DataFrame([{"claim": c, **test.cells()} for c, group in tests.items() for test in group]),
        }
        for name, made in of_setup.items():
            parts[name].append(made.assign(dataset=setup.dataset, backbone=setup.backbone))
    claims += table.overall(claims, options)
    parts["claims"].append(pd.DataFrame(claims))
    return {name: table_schema.table(name, tables) for name, tables in parts.items()}


def drops(setup: Setup, options: Options) -> Table:
    """One row per condition: val_accuracy, its drop below the baseline, judge_accuracy, `destructive` and why.

    A condition that destroys what it trains is shown, but stands outside of family means and verdicts: its validation
    accuracy lies more than `max_drop` below its family's baseline, or a judge recognises less than `judge_floor` of its
    images as the network sees them.
    """
    rows = []
    for (family, dose), at in setup.design.rows.items():
        val = _mean(setup, "val", (family, dose))
        drop = _mean(setup, "val", setup.design.references.get(family, POOL)) - val
        judge = _mean(setup, "judge", (family, dose)) if dose != BASELINE else np.nan
        why = [
            *([f"validation accuracy {100 * drop:.1f} points below baseline"] if drop > options.max_drop else []),
            *([f"the judge recognises {100 * judge:.1f} % of its images"] if judge < options.judge_floor else []),
        ]
        key = {"family": family, "dose": dose, "number": setup.design.numbers[family, dose], "runs": len(at)}
        values = {"val_accuracy": val, "drop": drop, "judge_accuracy": judge}
        rows.append(key | values | {"destructive": bool(why) and dose != BASELINE, "reason": "; ".join(why)})
    return pd.DataFrame(rows)


def _mean(setup: Setup, outcome: str, condition: Condition) -> float:
    """The mean of an outcome over a condition's runs; NaN where one of the two is not there."""
    if outcome not in setup.outcomes or condition not in setup.design.rows:
        return np.nan
    return float(setup.outcomes[outcome][setup.design.rows[condition]].mean())
