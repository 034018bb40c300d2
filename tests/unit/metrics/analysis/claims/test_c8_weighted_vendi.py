"""C8: the weighted Vendi score."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import of_tables, tables, truth


def test_a_weighted_score_that_made_the_outcome_supports_c8():
    made = tables(truth("dropout", vendi={simulate.BACKBONE: 0.1}))
    scores = made["diversity"]
    scores = scores[(scores["space"] == simulate.BACKBONE) & (scores["measure"] == "weighted.score.published")]
    rng = np.random.default_rng(0)
    wild = {key: rng.normal(20, 4) for key in scores.groupby(["family", "dose"]).groups}
    for family in ("augment", "noise", "synthetic_add", "synthetic_replace", "duplicate", "real_add"):
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


@pytest.mark.parametrize(("less", "families", "conditions"), [("real_add", 5, 10), ("noise", 5, 9)])
def test_fewer_than_six_families_leave_c8_undecided_and_are_counted(less: str, families: int, conditions: int):
    made = tables(replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != less)))
    assert of_tables(made).loc["C8", "reason"] == (
        f"n: {families} families of data with {conditions} conditions, where families are the samples and at least 6 "
        "with 10 conditions are needed."
    )
