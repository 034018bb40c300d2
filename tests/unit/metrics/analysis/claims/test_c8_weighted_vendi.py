"""C8: the weighted Vendi score."""

from dataclasses import replace

import numpy as np

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import of_tables, tables, truth


def test_a_weighted_score_that_made_the_outcome_supports_c8():
    made = tables(truth("dropout", vendi={simulate.BACKBONE: 0.1}))
    scores = made["diversity"]
    scores = scores[(scores["space"] == simulate.BACKBONE) & (scores["measure"] == "weighted.score.published")]
    rng = np.random.default_rng(0)
    wild = {key: rng.normal(20, 4) for key in scores.groupby(["family", "dose"]).groups}
    for family in ("augment", "noise", "synthetic_add", "synthetic_replace"):
        wild[family, "baseline"] = 20.0
    value = [wild[key] for key in zip(scores["family"], scores["dose"], strict=True)]
    made["diversity"].loc[scores.index, "value"] = value
    lift = {key: 0.01 * (value - 20) for key, value in wild.items()}
    test = made["evaluation"]
    out = test["split"] == "ood-a"
    test.loc[out, "accuracy"] += [
        lift.get(key, 0.0) for key in zip(test[out]["family"], test[out]["dose"], strict=True)
    ]
    found = of_tables(made).loc["C8"]
    assert found["verdict"] == "supported", found["reason"]


def test_too_few_data_families_leave_c8_undecided_and_are_counted():
    made = tables(replace(truth("dropout"), families=("augment", "dropout")))
    reason = of_tables(made).loc["C8", "reason"]
    assert reason == (
        "too few data families or conditions were measured (families: 1, conditions: 3); predicting a family from the "
        "others needs at least 9 conditions of 3 families."
    )
