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
    assert f"standard error from probes at most {0.3 * np.sqrt(1 / 5 + 1 / 15):.2g}" in found["reason"]
    assert "A/A: passed, random halves of 15 baseline runs do not differ in ECE, curvature" in found["controls"]
    pool = made["curvature"]["family"] == "baseline"
    made["curvature"].loc[pool & (made["curvature"]["seed"] == 3), "weighted_trace"] = np.nan
    assert "do not differ in ECE (p" in c9()["controls"]
