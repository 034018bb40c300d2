"""Doses of published tables that have no number: they have no order, and none of them is the strongest."""

import numpy as np
import pandas as pd

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.setups import setups

OPTIONS = options(metrics=["log_norm"], draws=99)


def effects_of(truth: simulate.Truth) -> dict[str, pd.DataFrame]:
    made = simulate.tables(truth, np.random.default_rng(0))
    return {"effects": effects.against_baseline(made["effects"].query("metric == 'log_norm'").assign(usable=True))}


def test_doses_without_numbers_have_no_strongest_one_and_those_with_numbers_stand_alone():
    made = effects_of(simulate.Truth(seeds=3))
    dosed = made["effects"]["family"].eq("augment") & made["effects"]["dose"].ne("baseline")
    made["effects"]["number"] = made["effects"]["number"].mask(dosed & made["effects"]["dose"].eq("d2"))
    design = next(setups(made, OPTIONS.metrics)).design
    assert design.doses("augment") == ["d0", "d1"] and design.strongest("augment") == "d1"
    made["effects"]["number"] = made["effects"]["number"].mask(dosed)
    setup = next(setups(made, OPTIONS.metrics))
    found = table.of_setup(setup, OPTIONS, ("C1", "C2", "C3", "C5"))[0]
    assert {row.reason for row in found if row.claim != "C4"} == {"the doses of augment have no numbers."}
    assert setup.design.strongest("augment") is None and setup.design.strongest("dropout") == "d2"
