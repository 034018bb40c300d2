"""From the tidy tables of a study to all tables of its analysis."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics.analysis import across_setups, destructive, estimates, table_schema
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import setups


def analysed(tables: Mapping[str, Table], options: Options) -> dict[str, Table]:
    """The tables excluded, conditions, condition_effects, slopes, similarity, predictions, tests and claims.

    `tables` has `effects` (columns of `metrics.effects.against_baseline`) and, where they are there, evaluation, runs,
    layers, diversity, quantiles and curvature (RUN, weighted_trace, trace, largest_eigenvalue, batch_loss).
    What is not there leaves its claims undecided.
    """
    found: dict[str, list] = {name: [] for name in table_schema.MADE}
    per_setup = []
    for setup in setups(tables, options.metrics, options.match):
        conditions = destructive.drops(setup, options)
        setup = replace(setup, destructive=destructive.destructive(conditions))
        claim_rows, test_rows = table.of_setup(setup, options)
        per_setup += claim_rows
        setting = {"dataset": setup.dataset, "backbone": setup.backbone}
        found["excluded"].append(pd.DataFrame([setting | row for row in setup.excluded]))
        found["conditions"].append(conditions)
        found["condition_effects"].append(estimates.condition_effects(setup, options))
        found["slopes"].append(estimates.slopes(setup, options))
        found["similarity"].append(estimates.similarities(setup, options))
        found["predictions"].append(estimates.predictions(setup, options))
        found["tests"].append(pd.DataFrame(test_rows))
    found["claims"].append(pd.DataFrame([*per_setup, *across_setups.overall(per_setup, options)]))
    return {name: table_schema.table(name, parts) for name, parts in found.items()}
