"""Effects at equal training loss: against literal formulas, and by what a planted line implies."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS
from weightscape.metrics.analysis import equal_loss
from weightscape.metrics.analysis.claims import c2_pattern
from weightscape.metrics.analysis.setups import Setup


def study(slope: float, beside: dict[str, float], noise: float = 0.05) -> Setup:
    """A study whose families move the loss at random, and the hidden log norm by `slope` times that and `beside`."""
    rng = np.random.default_rng(0)
    made = simulate.setup(simulate.Truth(seeds=5), rng)
    loss = 0.3 + noise * 0.1 * rng.normal(size=len(made.outcomes["val"]))
    for (family, _), at in made.design.rows.items():
        shift = rng.uniform(-0.1, 0.3)
        loss[at] += shift
        made.metrics["log_norm"].hidden[at] = slope * loss[at, None] + beside.get(family, 0.0)
    made.metrics["log_norm"].hidden[:] += noise * rng.normal(size=made.metrics["log_norm"].hidden.shape)
    return replace(made, outcomes={**made.outcomes, "train_loss": loss})


@given(st.integers(5, 12), st.integers(0, 10_000), st.floats(-3, 3))
def test_a_distance_and_its_limits_equal_the_literal_normal_equations(k: int, seed: int, at: float):
    rng = np.random.default_rng(seed)
    x, y, new = rng.normal(size=k), rng.normal(size=k), float(rng.normal())
    found = equal_loss.line(x, y)
    assert found is not None
    design = np.stack([np.ones(k), x], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    variance = sum((y[i] - design[i] @ beta) ** 2 for i in range(k)) / (k - 2)
    point = np.array([1.0, at])
    error = np.sqrt(variance * (1 + point @ inverse @ point))
    half = stats.t.ppf(0.975, k - 2) * error
    value = new - point @ beta
    p = 2 * stats.t.sf(abs(value) / error, k - 2)
    assert found.off(at, new, 0.95) == pytest.approx((value, value - half, value + half, p), rel=1e-6, abs=1e-9)
    literal = stats.linregress(x, y)
    assert (found.slope, found.p) == pytest.approx((literal.slope, literal.pvalue), rel=1e-6, abs=1e-9)


def test_a_family_on_the_line_has_no_effect_at_equal_loss_and_one_off_it_has_its_own():
    rows = equal_loss.table(study(4.0, {"dropout": 2.0}), OPTIONS)
    found = rows[(rows["metric"] == "log_norm") & (rows["scope"] == "hidden")].set_index("family")
    assert found.loc["dropout", "estimate"] == pytest.approx(2.0, abs=0.15) and found.loc["dropout", "p"] < 1e-4
    assert abs(found.loc["augment", "estimate"]) < 0.15 and found.loc["augment", "p"] > 0.01
    assert found.loc["augment", "slope"] == pytest.approx(4.0, abs=0.4)
    assert found.loc["augment", "conditions"] == 1 + sum(
        len(doses) for family, doses in simulate.DOSES.items() if family not in ("augment", "dropout", "weight_decay")
    )


def test_the_line_is_made_of_neither_the_compared_families_nor_of_their_relatives():
    assert [equal_loss.on_line(family) for family in ("baseline", "noise", "steps", "label_noise")] == [True] * 4
    relatives = ("augment", "dropout", "dropout_inside", "weight_decay", "dropout_decay")
    assert not any(map(equal_loss.on_line, relatives))


def test_too_few_conditions_or_one_loss_give_no_line():
    assert equal_loss.line(np.arange(4.0), np.arange(4.0)) is None
    assert equal_loss.line(np.full(6, 0.3), np.arange(6.0)) is None
    few = simulate.setup(simulate.Truth(families=("augment", "dropout", "weight_decay")), np.random.default_rng(0))
    few = replace(few, outcomes={**few.outcomes, "train_loss": few.outcomes["val"]})
    assert equal_loss.table(few, OPTIONS)["estimate"].isna().all()


def test_a_study_without_losses_has_no_rows_and_c2_has_them_beside_its_verdict():
    made = study(4.0, {"dropout": 2.0})
    outcomes = {name: values for name, values in made.outcomes.items() if name != "train_loss"}
    assert equal_loss.table(replace(made, outcomes=outcomes), OPTIONS).empty
    tests = [
        test for test in c2_pattern.decide(made, OPTIONS).tests if test.question == "effect at equal training loss"
    ]
    assert {test.family for test in tests} == {"augment", "dropout", "weight_decay"}
    assert not any(test.decides for test in tests)
    dropout = next(test for test in tests if (test.family, test.scope) == ("dropout", "hidden"))
    assert (
        "a line through 12 conditions" in dropout.reason.text
        and dropout.verdict == "supported"
        and dropout.numbers.n == 15 + 12 * 5
    )
