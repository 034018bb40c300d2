"""The controls that a claim needs: the config names at least one, and the row of C4 tells those of C1 to C3."""

import itertools
import zlib
from dataclasses import replace

import numpy as np
import pytest
import yaml
from scipy import stats
from statsmodels.stats import multivariate

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options, tables, truth
from weightscape import words
from weightscape.families import POOL
from weightscape.formats.schema import fault_in
from weightscape.metrics import effects
from weightscape.metrics.analysis.claims import table as claims
from weightscape.metrics.analysis.controls.images import noise_reference
from weightscape.metrics.analysis.controls.table import CONTROLS, a_a, hidden, hotelling
from weightscape.metrics.analysis.setups import setups
from weightscape.project import DEFAULT_CONFIG, SCHEMAS

SCHEMA = SCHEMAS / "config.schema.yaml"
OPTIONS = options(metrics=["log_norm"], draws=99)
ALL = options(metrics=["log_norm", "entropy"], draws=199)


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


def test_the_a_a_control_fails_in_a_hundredth_of_null_studies_whatever_the_other_conditions_do() -> None:
    truth = simulate.Truth(seeds=3, layers=4, profiles={"augment": np.full(4, 9.0)})
    made = [simulate.setup(truth, np.random.default_rng(k), simulate.runs_of(truth)) for k in range(400)]
    failed = [not a_a(each, hidden(each, OPTIONS), OPTIONS).allows_verdict for each in made]
    assert stats.binomtest(sum(failed), 400, 0.01).pvalue > 0.01


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


@pytest.mark.parametrize("claim", ["C2", "C7"])
def test_halves_that_differ_in_anything_that_a_claim_compares_fail_its_a_a_control(claim: str) -> None:
    made = simulate.setup(simulate.Truth(seeds=5), np.random.default_rng(0))
    compared = claims.TESTED[claim].compared
    passed = a_a(made, compared(made, ALL), ALL)
    assert passed.allows_verdict and ("32 features" in passed.outcome) == (claim == "C2")
    half = np.random.default_rng([ALL.seed, zlib.crc32(b"fake/net/A/A")]).permutation(made.design.rows[POOL])[:7]
    made.outcomes["ood"][half] += 0.1
    made.updates["entropy"].hidden[half, -1] += 20
    assert not a_a(made, compared(made, ALL), ALL).allows_verdict


def test_the_a_a_control_needs_no_condition_that_is_kept() -> None:
    made = simulate.setup(simulate.Truth(seeds=5), np.random.default_rng(0))
    destroyed = replace(made, destructive=tuple(each for each in made.design.rows if each != POOL)).only_kept()
    assert a_a(destroyed, hidden(destroyed, OPTIONS), OPTIONS) == a_a(made, hidden(made, OPTIONS), OPTIONS)


def test_the_covariance_of_the_a_a_control_is_that_of_all_conditions_also_those_that_destroy() -> None:
    made = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(0))
    gone = tuple(condition for condition in made.design.rows if condition[0] not in ("baseline", "augment"))
    kept = replace(made, destructive=gone).only_kept()
    compared = claims.TESTED["C2"].compared(made, ALL)
    assert a_a(kept, compared, ALL) == a_a(made, compared, ALL) and "32 features" in a_a(kept, compared, ALL).outcome


def test_measures_that_follow_from_others_leave_the_a_a_control_also_where_they_are_many() -> None:
    made = simulate.setup(simulate.Truth(seeds=5), np.random.default_rng(0))
    compared = claims.TESTED["C2"].compared(made, ALL)
    first = list(compared.values())
    many = compared | {f"follows {at}": one - 2 * other for at, (one, other) in enumerate(itertools.pairwise(first))}
    assert a_a(made, many, ALL) == a_a(made, compared, ALL)


@pytest.mark.parametrize(("few", "tells"), [(True, "no replicates"), (False, "no usable value in every run")])
def test_controls_tell_runs_that_are_too_few_from_values_that_are_not_there(few: bool, tells: str) -> None:
    made = tables(truth("dropout"))
    if few:
        made = {name: table.query("seed == 0") if "seed" in table else table for name, table in made.items()}
    else:
        made |= {name: made[name].query("seed != 0") for name in ("evaluation", "diversity")}
    setup = next(setups(made, OPTIONS.metrics))
    told = {
        name: CONTROLS[name].outcome(setup, OPTIONS).outcome
        for name in (*ALL.controls["C1"], "real_add")
        if name != "a_a"
    }
    told["noise_reference"] = noise_reference(setup, OPTIONS).outcome
    assert tells in told["regime"] and tells in told["real_add"] and "nan" not in str(told)
    assert told["strongest_decay"] == told["duplicate"] == tells if few else tells in told["noise_reference"]


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


REGIME = "further real images (d0) change validation accuracy by"


@pytest.mark.parametrize(
    ("gain", "loss", "passes"),
    [(0.05, 0.0, True), (0.0, -0.5, True), (-0.05, 0.0, False), (0.0, 0.0, False), (0.0, 0.5, False)],
)
def test_training_is_limited_by_data_where_real_images_improve_accuracy_or_loss(gain, loss, passes) -> None:
    truth = simulate.Truth(seeds=3, layers=4, limited=gain)
    made = simulate.setup(truth, np.random.default_rng(1))
    values = 0.3 + 0.01 * np.random.default_rng(2).normal(size=len(made.outcomes["val"]))
    values[made.design.rows["real_add", "d0"]] += loss
    found = CONTROLS["regime"].outcome(replace(made, outcomes={**made.outcomes, "val_loss": values}), OPTIONS)
    assert found.allows_verdict == passes and REGIME in found.outcome
    assert found.outcome.startswith("passed" if passes else "not limited by data")


def test_the_regime_fails_in_nineteen_of_twenty_studies_where_real_images_do_nothing() -> None:
    truth = simulate.Truth(seeds=3, layers=2, limited=0.0)
    runs = simulate.runs_of(truth)
    made = [simulate.setup(truth, np.random.default_rng(k), runs) for k in range(400)]
    passed = sum(CONTROLS["regime"].outcome(each, OPTIONS).allows_verdict for each in made)
    assert stats.binomtest(passed, 400).proportion_ci(0.99).low <= 0.05


def test_a_study_that_data_do_not_limit_says_so_in_every_claim_that_needs_it() -> None:
    made = tables(truth("dropout", limited=0.0))
    rows = {row.claim: row for row in claims.of_setup(next(setups(made, ALL.metrics)), ALL)[0]}
    for name in ("C1", "C2", "C7"):
        assert rows[name].verdict == "undecided" and rows[name].reason.startswith("not limited by data: "), name
    assert rows["C3"].verdict == "supported"


def test_duplicates_and_the_regime_are_seen_in_destructive_conditions_too() -> None:
    made = next(setups(tables(truth("dropout")), OPTIONS.metrics))
    gone = [("duplicate", "d0"), ("real_add", "d0"), ("label_noise", "d0"), *(("augment", f"d{k}") for k in range(3))]
    kept = replace(made, destructive=tuple(gone)).only_kept()
    for name in ("duplicate", "regime", "label_noise", "noise_reference", "strongest_decay"):
        assert CONTROLS[name].outcome(kept, ALL).allows_verdict, CONTROLS[name].outcome(kept, ALL).outcome


def test_duplicates_stand_for_their_strongest_dose_though_it_destroys() -> None:
    made = next(
        setups(tables(replace(truth("dropout"), doses={**simulate.DOSES, "duplicate": (0.5, 0.9)})), OPTIONS.metrics)
    )
    kept = replace(made, destructive=(("duplicate", "d1"),)).only_kept()
    assert kept.stands("duplicate") == made.stands("duplicate") == "d1"


@pytest.mark.parametrize("control", ["duplicate", "label_noise", "steps", "real_add", "regime"])
def test_a_control_that_the_study_lacks_is_named_whatever_is_destructive(control: str) -> None:
    family = {"regime": "real_add"}.get(control, control)
    less = replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != family))
    made = next(setups(tables(less), OPTIONS.metrics))
    kept = replace(made, destructive=tuple(("augment", f"d{k}") for k in range(3))).only_kept()
    assert CONTROLS[control].outcome(kept, ALL).outcome == f"missing: the study has no family {words.family(family)}"


def test_a_measure_that_follows_from_others_is_left_out_of_the_a_a_control() -> None:
    truth = simulate.Truth(seeds=3)
    made = simulate.setup(truth, np.random.default_rng(0), simulate.runs_of(truth))
    one, other = np.random.default_rng(1).normal(size=(2, sum(map(len, made.design.rows.values()))))
    alone = a_a(made, {"log_norm": one, "log_spectral_norm": other}, OPTIONS)
    beside = {"log_norm": one, "log_spectral_norm": other, "log_stable_rank": 2 * one - 2 * other + 1}
    assert a_a(made, beside, OPTIONS).outcome == alone.outcome
