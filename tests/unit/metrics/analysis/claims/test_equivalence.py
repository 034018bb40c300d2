"""Equivalence of diversity and dropout: against written-out contrasts, at the margin, and beside zero."""

import numpy as np
import pytest
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.metrics.analysis.claims.equivalence import equivalence
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.verdicts import judge

OPTIONS = options(metrics=["log_norm"])


def study(diversity: float, dropout: float, seed: int = 0) -> simulate.Setup:
    profiles = {"augment": np.full(16, diversity), "dropout": np.full(16, dropout)}
    families = ("augment", "dropout", "weight_decay", "steps")
    truth = simulate.Truth(seeds=5, metrics=("log_norm",), families=families, profiles=profiles)
    return simulate.setup(truth, np.random.default_rng([seed, 7]))


def p_values(setup: simulate.Setup, **changes: object) -> list[float]:
    return [test.numbers.p for test in equivalence(setup, options(metrics=["log_norm"], **changes))]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_test_is_that_of_two_ratios_written_as_contrasts(sign: float):
    setup = study(sign * 5.0, sign * 6.0)
    values, design = sign * setup.metrics["log_norm"].mean(), setup.design
    means = [
        ({("augment", "d2"): a, ("dropout", "d2"): b, ("baseline", "baseline"): -a - b})
        for a, b in ((1, -0.5), (-1, 1.5))
    ]
    sides = [contrast(design, values, weights) for weights in means]
    expected = max(stats.t.sf(side.value / side.error, side.df) for side in sides)
    assert p_values(setup)[0] == pytest.approx(float(expected))


def test_equal_effects_are_equivalent_to_each_other_and_not_to_zero():
    tests = equivalence(study(8.0, 8.0), OPTIONS)
    judge(tests, 0.05)
    assert [test.verdict for test in tests] == ["supported", "undecided", "undecided"]
    assert tests[0].numbers.statistic == pytest.approx(4.0, abs=1.0) and tests[0].reason.text.startswith(
        "equivalent; margin"
    )


def test_no_effect_is_equivalent_to_zero_and_not_to_dropout_and_nothing_is_told_without_dropout():
    assert [p < 0.05 for p in p_values(study(0.0, 8.0))] == [False, True, False]
    assert not any(p < 0.05 for seed in range(20) for p in p_values(study(0.0, 0.0, seed)))


def test_at_the_margin_the_test_passes_in_at_most_five_percent():
    passed = [p_values(study(9.0, 6.0, seed))[0] < 0.05 for seed in range(200)]
    assert np.mean(passed) < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 200)


def test_a_margin_of_the_config_is_in_units_of_the_metric():
    near = study(1.0, 1.0)
    assert p_values(near, margins={"log_norm": 5.0})[0] < 0.001
    assert all(p < 0.001 for p in p_values(near, margins={"log_norm": 9.0})[1:])
    assert p_values(near, margins={"log_norm": 0.01})[0] > 0.2
