"""Tables of estimates that are no claims."""

from dataclasses import replace

import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, tables
from weightscape.families import DIVERSITY_FAMILIES
from weightscape.metrics.analysis import estimates
from weightscape.metrics.analysis.setups import setups


def test_pairs_of_families_are_compared_at_matched_dose_where_they_overlap():
    profiles = {"augment": 6 * RISING, "noise": 9 * RISING, "dropout": -6 * RISING}
    levels = {"augment": 0.05, "noise": 0.08, "dropout": 0.05}
    made = tables(simulate.Truth(seeds=5, profiles=profiles, levels=levels, vendi={"pixels": 0.5}))
    for match in ("relative_change", "diversity"):
        setup = next(setups(made, OPTIONS.metrics, match))
        found = estimates.similarities(setup, replace(OPTIONS, match=match)).query("metric == 'log_norm'")
        there = found[found["matched"].notna()].set_index(["family", "other"])
        assert there.loc[("augment", "noise"), "matched"] == pytest.approx(1, abs=0.1)
        known = {family for pair in there.index for family in pair}
        assert known <= ({"augment", "noise", "dropout"} if match == "relative_change" else {*DIVERSITY_FAMILIES})
        if match == "relative_change":
            assert there.loc[("augment", "dropout"), "matched_high"] < -0.5
