"""C9: calibration and curvature."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from unit.metrics.planted import OPTIONS, tables, truth
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.setups import setups


def test_curvature_tells_its_probe_error_and_has_an_a_a_control_of_its_own():
    outcomes = {("ece", "augment"): -0.04, ("weighted_trace", "augment"): -1.0}
    made = tables(truth("dropout", outcomes=outcomes))
    made["curvature"]["weighted_trace_error"] = 0.3 * made["curvature"]["weighted_trace"]

    def c9() -> pd.Series:
        setup = next(setups(made, OPTIONS.metrics))
        return pd.Series(asdict(claims.of_setup(setup, OPTIONS, ["C9"])[0][0]))

    found = c9()
    assert found["verdict"] == "supported"
    assert f"standard error from probes at most {0.3 * np.sqrt(1 / 5 + 1 / 15):.2g}" in found["reason"]
    assert "A/A: passed, random halves of 15 baseline runs do not differ in ECE, curvature" in found["controls"]
    pool = made["curvature"]["family"] == "baseline"
    made["curvature"].loc[pool & (made["curvature"]["seed"] == 3), "weighted_trace"] = np.nan
    assert "do not differ in ECE (p" in c9()["controls"]


def test_curvature_enters_as_a_logarithm_with_the_relative_error_of_its_probes():
    made = tables(truth("dropout"))
    made["curvature"]["weighted_trace_error"] = 0.2
    found = next(setups(made, OPTIONS.metrics)).outcomes
    values = made["curvature"].set_index(["family", "dose", "seed"])["weighted_trace"]
    assert np.sort(found["weighted_trace"]) == pytest.approx(np.sort(np.log(values)))
    assert found["weighted_trace_error"] == pytest.approx(0.2 / np.exp(found["weighted_trace"]))
    made["curvature"].loc[0, "weighted_trace"] = -0.1  # away from a minimum a trace may be negative
    assert np.isnan(next(setups(made, OPTIONS.metrics)).outcomes["weighted_trace"]).sum() == 1


def test_fewer_than_sixteen_probes_leave_c9_undecided_and_say_so():
    outcomes = {("ece", "augment"): -0.04, ("weighted_trace", "augment"): -1.0}
    made = tables(truth("dropout", outcomes=outcomes))
    for probes, verdict in ((16, "supported"), (4, "undecided")):
        made["curvature"]["probes"] = probes
        row = claims.of_setup(next(setups(made, OPTIONS.metrics)), OPTIONS, ["C9"])[0][0]
        assert row.verdict == verdict
    assert row.reason.startswith("n: the curvature has 4 random directions, where 16 are needed")


@pytest.mark.parametrize("ece", [-0.04, 0.0])
def test_a_curvature_that_is_below_zero_in_some_run_says_so_and_asks_for_another_measure(ece: float):
    made = tables(truth("dropout", outcomes={("ece", "augment"): ece}))
    made["curvature"].loc[made["curvature"]["family"].eq("baseline"), "weighted_trace"] = -0.1
    row = claims.of_setup(next(setups(made, OPTIONS.metrics)), OPTIONS, ["C9"])[0][0]
    assert "curvature has a logarithm in 5 of 20 runs, as it is not above zero in the others" in row.reason
    assert row.decide.startswith("another measure of curvature")
