"""C3: norms."""

from dataclasses import replace

from unit.metrics.planted import RISING, truth, verdicts


def test_shrinking_norms_decide_c3_and_their_growth_contradicts_it():
    assert verdicts(truth("dropout")).loc["C3", "verdict"] == "supported"
    grown = truth("dropout")
    grown = replace(grown, profiles={**grown.profiles, "weight_decay": 40 * RISING})
    assert verdicts(grown).loc["C3", "verdict"] == "contradicted"
