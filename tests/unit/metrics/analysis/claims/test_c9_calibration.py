"""C9: calibration and curvature."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from unit.metrics.planted import OPTIONS, tables, truth
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.setups import setups


def test_curvature_tells_its_probe_error_and_has_an_a_a_control_of_its_own():
    outcomes = {("ece", "augment"): -0.04, ("weighted_trace", "augment"): -1.0}
    made = tables(truth("dropout", outcomes=outcomes))
    made["curvature"]["weighted_trace_error"] = 0.3

    def c9() -> pd.Series:
        setup = next(setups(made, OPTIONS.metrics))
        return pd.Series(asdict(claims.of_setup(setup, OPTIONS, ["C9"])[0][0]))

    found = c9()
    assert found["verdict"] == "supported"
    assert f"standard error from probes at most {0.3 * np.sqrt(2 / 5):.2g}" in found["reason"]
    assert "A/A: passed, ECE: baselines of 10 families, curvature: baselines of 10 families" in found["controls"]
    at = made["curvature"].eval("family == 'steps' and dose == 'baseline'")
    made["curvature"].loc[at, "weighted_trace"] += 5
    again = c9()
    assert again["verdict"] == "undecided" and "A/A: failed" in again["reason"]
    made["curvature"] = made["curvature"].query("family == 'augment'")
    assert "curvature: fewer than two groups" in c9()["controls"]
