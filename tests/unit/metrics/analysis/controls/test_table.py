"""The controls that a claim needs: the config names at least one, and the row of C4 tells those of C1 to C3."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy import stats
from statsmodels.stats import multivariate

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options, tables, truth
from weightscape.families import POOL
from weightscape.formats.schema import fault_in
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.controls.images import noise_reference
from weightscape.metrics.analysis.controls.table import a_a, hidden, hotelling
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


def test_halves_of_the_baseline_are_compared_by_hotellings_test() -> None:
    features = np.random.default_rng(4).normal(size=(14, 3))
    one, other = np.arange(7), np.arange(7, 14)
    expected = multivariate.test_mvmean_2indep(features[one], features[other])
    assert hotelling(features, (one, other), []) == pytest.approx(expected.pvalue)
    assert hotelling(features[:, :1], (one, other), []) == pytest.approx(
        stats.ttest_ind(features[one, 0], features[other, 0]).pvalue
    )
    copied = np.concatenate([features, features[:, :1]], axis=1)
    assert np.isnan(hotelling(copied, (one, other), []))


def test_the_a_a_control_fails_in_a_twentieth_of_null_studies_whatever_the_other_conditions_do() -> None:
    truth = simulate.Truth(seeds=3, layers=4, profiles={"augment": np.full(4, 9.0)})
    made = [simulate.setup(truth, np.random.default_rng(k), simulate.runs_of(truth)) for k in range(400)]
    failed = [not a_a(each, hidden(each, OPTIONS), OPTIONS).allows_verdict for each in made]
    assert stats.binomtest(sum(failed), 400, 0.05).pvalue > 0.01


def test_a_drift_among_the_baseline_runs_fails_the_a_a_control() -> None:
    truth = simulate.Truth(seeds=3, layers=4)
    made = simulate.setup(truth, np.random.default_rng(0), simulate.runs_of(truth))
    few = replace(made, design=replace(made.design, rows={**made.design.rows, POOL: made.design.rows[POOL][:3]}))
    assert a_a(few, hidden(few, OPTIONS), OPTIONS).outcome == "missing: halves need 4 baseline runs, and there are 3"
    values = made.metrics["log_norm"].mean().copy()
    pool = made.design.rows[POOL]
    halves = np.random.default_rng([OPTIONS.seed, zlib.crc32(b"fake/net/A/A")]).permutation(pool)
    values[halves[:6]] += 5
    found = a_a(made, {"log_norm": values}, OPTIONS)
    assert not found.allows_verdict and "random halves of 12 baseline runs differ in log10 norm" in found.outcome


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
