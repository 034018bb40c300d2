"""C1: signs of effects."""

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import RISING, verdicts


def test_the_signs_of_effects_decide_c1():
    same = {
        name: sign * RISING * 4
        for name, sign in {"augment": 1, "dropout": 1, "weight_decay": 1, "duplicate": -1}.items()
    }
    assert verdicts(simulate.Truth(seeds=5, profiles=same)).loc["C1", "verdict"] == "supported"
    turned = {**same, "augment": -4 * RISING, "duplicate": 4 * RISING}
    assert verdicts(simulate.Truth(seeds=5, profiles=turned)).loc["C1", "verdict"] == "contradicted"
    apart = {**same, "weight_decay": -4 * RISING}
    found = verdicts(simulate.Truth(seeds=5, profiles=apart)).loc["C1"]
    assert found["verdict"] == "contradicted" and found["reason"].endswith("opposite to how weight decay does.")
    unclear = verdicts(simulate.Truth(seeds=5, profiles={**apart, "weight_decay": 0 * RISING})).loc["C1"]
    assert unclear["verdict"] == "undecided" and "does not differ from zero" in unclear["reason"]
