"""The controls that a claim needs: the config names at least one, and the row of C4 tells those of C1 to C3."""

import numpy as np
import pytest
import yaml

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options, tables, truth
from weightscape.formats.schema import fault_in
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.controls.images import noise_reference
from weightscape.metrics.analysis.setups import setups
from weightscape.project import DEFAULT_CONFIG, SCHEMAS

SCHEMA = SCHEMAS / "config.schema.yaml"
OPTIONS = options(metrics=["log_norm"], draws=99)


@pytest.mark.parametrize("claim", [f"C{k}" for k in range(1, 10)])
def test_every_claim_but_c4_needs_a_control(claim: str) -> None:
    content = yaml.safe_load(DEFAULT_CONFIG.read_text())
    assert fault_in(content, SCHEMA) is None
    content["analyse"]["controls"][claim] = []
    fault = fault_in(content, SCHEMA)
    assert fault is None if claim == "C4" else fault is not None and f"analyse.controls.{claim}" in fault


def test_the_row_of_c4_tells_the_controls_of_the_claims_that_it_joins() -> None:
    made = simulate.tables(simulate.Truth(seeds=2), np.random.default_rng(0))
    table = effects.against_baseline(made["effects"].query("metric == 'log_norm'").assign(usable=True))
    rows = claims.of_setup(next(setups({"effects": table}, OPTIONS.metrics)), OPTIONS, ("C1", "C2", "C3"))[0]
    own = {row.claim: row.controls for row in rows}
    assert own["C4"] == "; ".join(f"{name}: {own[name]}" for name in ("C1", "C2", "C3")) and "A/A: " in own["C4"]


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        ("measure != 'vendi_1'", "pixel diversity was not measured"),
        ("not measure.str.contains('noise|random_directions')", "the pixel diversity of pure noise was not measured"),
        ("family != 'augment'", "the study has no family augment"),
    ],
)
def test_the_noise_reference_tells_what_it_lacks(lost: str, why: str) -> None:
    made = tables(truth("dropout"))
    made["diversity"] = made["diversity"].query(lost)
    if "family" in lost:
        made["effects"] = made["effects"].query(lost)
    assert noise_reference(next(setups(made, OPTIONS.metrics)), OPTIONS).outcome == f"missing: {why}"
