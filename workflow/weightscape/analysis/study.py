"""From the tidy tables of a study to all tables of its analysis."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from weightscape.analysis import claims, destructive, overall, results, summaries
from weightscape.analysis.options import Options
from weightscape.analysis.setups import setups
from weightscape.frames import Table


def analysed(tables: Mapping[str, Table], options: Options) -> dict[str, Table]:
    """The tables excluded, conditions, condition_effects, slopes, similarity, predictions, tests and claims.

    `tables` has `effects` (columns of `weightscape.effects.against_baseline`) and, where they are there, evaluation,
    runs, layers, diversity, quantiles and curvature (RUN, weighted_trace, trace, largest_eigenvalue, batch_loss).
    What is not there leaves its claims undecided.
    """
    found: dict[str, list] = {name: [] for name in results.MADE}
    per_setup = []
    for setup in setups(tables, options.metrics, options.match):
        conditions = destructive.drops(setup, options)
        setup = replace(setup, destructive=destructive.destructive(conditions))
        claim_rows, test_rows = claims.of_setup(setup, options)
        per_setup += claim_rows
        setting = {"dataset": setup.dataset, "backbone": setup.backbone}
        found["excluded"].append(pd.DataFrame([setting | row for row in setup.excluded]))
        found["conditions"].append(conditions)
        found["condition_effects"].append(summaries.condition_effects(setup, options))
        found["slopes"].append(summaries.slopes(setup, options))
        found["similarity"].append(summaries.similarities(setup, options))
        found["predictions"].append(summaries.predictions(setup, options))
        found["tests"].append(pd.DataFrame(test_rows))
    found["claims"].append(pd.DataFrame([*per_setup, *overall.overall(per_setup, options)]))
    return {name: results.table(name, parts) for name, parts in found.items()}
