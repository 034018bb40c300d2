"""C6: the diversity of the training data in two spaces, over the doses of augmentation."""

import numpy as np
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, tables, truth, verdicts
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
    rows = made["diversity"].query("family == 'augment' and space == 'pixels' and measure == 'vendi_1'")
    means = rows.assign(log=np.log(rows["value"])).groupby("number")["log"].mean()
    expected = np.polyfit(np.arange(len(means)), means, 1)[0]
    assert tests.loc[tests["test"].str.contains("pixels"), "estimate"].iloc[0] == pytest.approx(expected, rel=1e-9)
