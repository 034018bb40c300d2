"""From the tidy tables of a study to all tables of its analysis."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from weightscape.formats.tables import Table
from weightscape.metrics import table_schema
from weightscape.metrics.analysis import destructive, equal_loss, estimates, features, over_setups, penalty_transfer
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import setups

APART = ("effects", "run_effects", "effect_intervals", "outcome_intervals", "baseline_differences")
"""Tables of the program `analyse` beside those of the analysis."""


def analysed(tables: Mapping[str, Table], options: Options) -> dict[str, Table]:
    """The tables excluded, conditions, condition_effects, slopes, similarity, signature,
    equal_loss, penalty_transfer, predictions, over_setups, tests and claims.

    `tables` has `effects` (columns of `metrics.effects.against_baseline`) and, where they are there, evaluation, runs,
    layers, diversity, quantiles, quality, penalties (RUN, penalty, penalty_dose, value) and curvature (RUN,
    weighted_trace, trace, largest_eigenvalue, batch_loss). What is not there leaves its claims undecided.
    """
    parts: dict[str, list[Table]] = {name: [] for name in table_schema.of("analyse") if name not in APART}
    claims: list[ClaimRow] = []
    doses = penalty_transfer.doses(tables.get("penalties"))
    for setup in setups(tables, options.metrics):
        setup = replace(setup, design=replace(setup.design, chosen=options.chosen))
        failed = destructive.failed_generators(tables.get("quality", pd.DataFrame()), setup.dataset)
        conditions = destructive.drops(setup, options, failed)
        gone = conditions.loc[conditions["destructive"], ["family", "dose"]]
        setup = replace(setup, destructive=tuple(gone.itertuples(index=False, name=None)), failed=tuple(failed))
        rows, tests = table.of_setup(setup, options)
        claims += rows
        kept = setup.only_kept().design
        pairs = list(zip(conditions["family"], conditions["dose"], strict=True))
        conditions["stands"] = [dose == kept.strongest(family) for family, dose in pairs]
        methods = {(each.family, each.dose): each.method or "" for each in options.further}
        conditions["choice"] = [methods.get(pair, "") for pair in pairs]
        of_setup = {
            "excluded": pd.DataFrame(setup.excluded),
            "conditions": conditions,
            "condition_effects": estimates.condition_effects(setup, options),
            "slopes": estimates.slopes(setup, options),
            "similarity": estimates.similarities(setup, options),
            "signature": features.table(setup.only_kept(), options),
            "equal_loss": equal_loss.table(setup.only_kept(), options),
            "penalty_transfer": penalty_transfer.table(setup, doses, options),
            "predictions": estimates.predictions(setup, options),
            "tests": pd.DataFrame([{"claim": c, **test.cells()} for c, group in tests.items() for test in group]),
        }
        for name, made in of_setup.items():
            parts[name].append(made.assign(dataset=setup.dataset, backbone=setup.backbone))
    claims += table.overall(claims, options)
    parts["claims"].append(pd.DataFrame(claims))
    made = {name: table_schema.table(name, tables) for name, tables in parts.items()}
    over = over_setups.table(made["condition_effects"], made["conditions"], options.level)
    return made | {"over_setups": table_schema.table("over_setups", [over])}
