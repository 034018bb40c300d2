"""From the tidy tables of a study to all tables of its analysis."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics import table_schema
from weightscape.metrics.analysis import across_setups, destructive, estimates
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import setups

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
        conditions = destructive.drops(setup, options)
        setup = replace(setup, destructive=destructive.destructive(conditions))
        rows, tests = table.of_setup(setup, options)
        claims += rows
        keys = {"dataset": setup.dataset, "backbone": setup.backbone}
        cells = [{"claim": claim, **keys, **test.cells()} for claim, group in tests.items() for test in group]
        parts["excluded"].append(pd.DataFrame([keys | row for row in setup.excluded]))
        parts["conditions"].append(conditions)
        parts["condition_effects"].append(estimates.condition_effects(setup, options))
        parts["slopes"].append(estimates.slopes(setup, options))
        parts["similarity"].append(estimates.similarities(setup, options))
        parts["predictions"].append(estimates.predictions(setup, options))
        parts["tests"].append(pd.DataFrame(cells))
    claims += across_setups.overall(claims, options)
    parts["claims"].append(pd.DataFrame([row.cells() for row in claims]))
    return {name: table_schema.table(name, tables) for name, tables in parts.items()}
