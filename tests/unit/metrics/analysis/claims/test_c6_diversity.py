"""C6: the diversity of the training data in two spaces, over the doses of augmentation."""

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, of_tables, tables, truth, verdicts
from weightscape.metrics.analysis.analyse import analysed


@pytest.mark.parametrize(
    ("pixels", "embedding", "verdict"),
    [
        (0.5, -0.4, "supported"),
        (-0.5, -0.4, "contradicted"),
        (0.5, 0.4, "contradicted"),
        (0.0, -0.4, "undecided"),
        (0.5, 0.0, "undecided"),
    ],
)
def test_both_slopes_decide(pixels: float, embedding: float, verdict: str):
    found = verdicts(truth("dropout", vendi={"pixels": pixels, simulate.BACKBONE: embedding}))
    assert found.loc["C6", "verdict"] == verdict


def test_the_slope_is_that_of_least_squares_through_the_means_of_the_conditions():
    made = tables(truth("dropout", vendi={"pixels": 0.5, simulate.BACKBONE: -0.4}))
    tests = analysed(made, OPTIONS)["tests"].query("claim == 'C6' and backbone != 'all'")
    rows = made["diversity"].query("family in ('baseline', 'augment') and space == 'pixels' and measure == 'vendi_1'")
    means = rows.assign(log=np.log(rows["value"])).groupby("number")["log"].mean()
    expected = np.polyfit(np.arange(len(means)), means, 1)[0]
    assert tests.loc[tests["test"].str.endswith("pixels"), "estimate"].iloc[0] == pytest.approx(expected, rel=1e-9)


def planted(means: list[float], order: str = "1", noise: float = 0.01) -> pd.DataFrame:
    """The claims of a study whose pixel Vendi score of one order has these means from the baseline up."""
    made = tables(truth("dropout", vendi={"pixels": 0.5, simulate.BACKBONE: -0.4}))
    scores = made["diversity"]
    own = (scores["space"] == "pixels") & (scores["measure"] == f"vendi_{order}")
    own &= scores["family"].isin(["baseline", "augment"])
    at = scores.loc[own, "number"].astype(int)
    drawn = np.random.default_rng(1).normal(scale=noise, size=len(at))
    scores.loc[own, "value"] = np.array(means)[at] * np.exp(drawn)
    return of_tables(made)


def test_a_zigzag_has_no_direction_however_significant_its_slope():
    found = planted([23.11, 20.22, 26.41, 24.63], noise=0.001).loc["C6"]
    assert found["verdict"] == "undecided"
    assert "not monotone (Vendi score from the baseline up: 23.1" in found["reason"], found["reason"]


def test_a_monotone_curve_that_is_no_line_has_a_direction():
    assert planted([20.0, 20.1, 20.3, 30.0], noise=0.001).loc["C6", "verdict"] == "supported"


def test_means_out_of_order_by_chance_lie_on_their_line():
    found = planted([20.0, 21.8, 22.3, 25.0], noise=0.1).loc["C6"]
    assert found["verdict"] == "supported", found["reason"]


@pytest.mark.parametrize("order", ["0.5", "2"])
def test_orders_of_the_vendi_score_that_disagree_leave_c6_undecided(order: str):
    found = planted([30.0, 27.0, 24.0, 22.0], order).loc["C6"]
    assert found["verdict"] == "undecided"
    assert "the orders 0.5, 1 and 2 differ in the sign of the slope" in found["reason"]
