"""C1: signs of effects."""

from dataclasses import replace

import numpy as np

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, verdicts
from weightscape.metrics.analysis.claims.table import of_setup
from weightscape.metrics.analysis.contrasts import contrast


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


def test_an_opposite_sign_that_the_correction_for_two_leaves_open_is_no_support():
    same = {"augment": 4 * RISING, "weight_decay": 4 * RISING, "duplicate": -4 * RISING, "dropout": -4 * RISING}
    made = simulate.setup(simulate.Truth(seeds=5, profiles=same), np.random.default_rng(0))
    layers = made.metrics["log_norm"]
    effect = contrast(made.design, layers.mean(), made.design.strongest_effect("dropout"))
    shifted = layers.hidden.copy()
    shifted[made.design.rows["dropout", "d2"]] -= effect.value + 2.3 * effect.error  # two-sided p about .04
    made = replace(made, metrics={**made.metrics, "log_norm": replace(layers, hidden=shifted)})
    effect = contrast(made.design, made.metrics["log_norm"].mean(), made.design.strongest_effect("dropout"))
    assert effect.value < 0 and 0.025 < effect.p < 0.05
    (row,) = of_setup(made, OPTIONS, ("C1",))[0]
    assert row.verdict == "undecided" and row.decide == "more runs of each condition"
    assert row.reason.startswith("diversity moves it opposite to dropout")
