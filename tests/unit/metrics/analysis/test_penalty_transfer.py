"""Penalty transfer: planted effects of training on penalties, in units of the runs' spread."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS
from weightscape.metrics.analysis import penalty_transfer
from weightscape.metrics.analysis.setups import Setup, setups
from weightscape.metrics.effects import hedges

DOSES = {"augment": "strong", "dropout": "most"}
MEASURED = ("baseline", "augment", "dropout")


def study(spread: float = 0.1) -> Setup:
    """Augmentation lowers its own penalty and raises that of dropout; the other families were not measured."""
    rng = np.random.default_rng(0)
    made = simulate.setup(simulate.Truth(seeds=5), rng)
    effects = {("augment", "augment"): -0.5, ("augment", "dropout"): 0.2}
    found = {}
    for of in DOSES:
        values = np.full(len(made.outcomes["val"]), np.nan)
        for (family, _), at in made.design.rows.items():
            if family in MEASURED:
                values[at] = 1.0 + effects.get((family, of), 0.0) + spread * rng.normal(size=len(at))
        found[f"penalty of {of}"] = values
    return replace(made, outcomes={**made.outcomes, **found}, destructive=(("dropout", "d2"),))


def test_effects_are_differences_of_means_in_pooled_standard_deviations_of_the_measured_runs():
    made = study()
    rows = penalty_transfer.table(made, DOSES, OPTIONS)
    assert set(rows["family"]) == {"augment", "dropout"} and len(rows) == 2 * 6
    values = made.outcomes["penalty of augment"]
    groups = [values[at] for (family, _), at in made.design.rows.items() if family in MEASURED]
    df = sum(len(group) - 1 for group in groups)
    pooled = np.sqrt(sum(((group - group.mean()) ** 2).sum() for group in groups) / df)
    row = rows[(rows["penalty"] == "augment") & (rows["family"] == "augment") & (rows["dose"] == "d2")].iloc[0]
    means = [values[made.design.rows[c]].mean() for c in (("baseline", "baseline"), ("augment", "d2"))]
    assert (row["baseline"], row["mean"], row["estimate"]) == pytest.approx((*means, means[1] - means[0]))
    assert row["pooled_sd"] == pytest.approx(pooled)
    assert row["standardised"] == pytest.approx(hedges(df) * row["estimate"] / pooled)
    assert (row["n"], row["penalty_dose"], row["unit"]) == (15 + 5, "strong", "nats")


def test_planted_effects_are_found_with_their_sign_and_no_others():
    rows = penalty_transfer.table(study(), DOSES, OPTIONS).set_index(["family", "dose", "penalty"]).sort_index()
    assert rows.loc[("augment", "d2", "augment"), "high"] < 0 < rows.loc[("augment", "d2", "dropout"), "low"]
    null = rows.loc["dropout"]
    assert ((null["low"] < 0) & (null["high"] > 0)).all()
    assert rows.loc[("dropout", "d2"), "destructive"].all() and rows["destructive"].sum() == 2


def test_without_penalties_there_are_no_rows():
    made = simulate.setup(simulate.Truth(), np.random.default_rng(0))
    assert penalty_transfer.doses(None) == {}
    assert penalty_transfer.table(made, DOSES, OPTIONS).empty
    unknown = {name: np.full_like(made.outcomes["val"], np.nan) for name in ("penalty of augment",)}
    assert penalty_transfer.table(replace(made, outcomes=unknown), DOSES, OPTIONS).empty


def test_the_table_of_penalties_is_read_as_one_outcome_of_each():
    tables = simulate.tables(simulate.Truth(), np.random.default_rng(0))
    runs = tables["runs"][["dataset", "backbone", "family", "dose", "number", "seed"]]
    parts = [runs.assign(penalty=of, penalty_dose=dose, value=float(len(of))) for of, dose in DOSES.items()]
    tables["penalties"] = pd.concat([part.sample(frac=1.0, random_state=0) for part in parts])
    assert penalty_transfer.doses(tables["penalties"]) == DOSES
    (made,) = setups(tables, OPTIONS.metrics)
    for of in DOSES:
        np.testing.assert_array_equal(made.outcomes[f"penalty of {of}"], float(len(of)))
