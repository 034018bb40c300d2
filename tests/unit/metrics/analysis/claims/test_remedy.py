"""Undecided claims tell what would decide them."""

from dataclasses import replace
from string import Formatter

import numpy as np
import pytest
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, claim_row, tables, truth, verdicts
from weightscape.metrics.analysis.claims import remedy
from weightscape.metrics.analysis.claims.table import of_setup, together
from weightscape.metrics.analysis.reasons import Lack, Reason
from weightscape.metrics.analysis.setups import setups
from weightscape.metrics.analysis.verdicts import (
    UNREPLICATED,
    ClaimTest,
    Control,
    Decision,
    Numbers,
    Status,
    Verdict,
    undecided,
)


@pytest.mark.parametrize(("effect", "there"), [(0.8, 5), (0.5, 5), (1.2, 3)])
def test_the_number_of_runs_has_about_80_percent_power_at_the_observed_effect(effect: float, there: int):
    """Power of a t test of two groups with so many runs each, where the observed effect is the true one."""
    t = effect * np.sqrt(there / 2)
    df = 2 * there - 2
    numbers = Numbers(estimate=effect, df=1e9, p=2 * stats.norm.sf(t), n=2 * there)
    n = remedy.needed(ClaimTest("effect", "m", "u", numbers), there, 0.05)
    power = stats.norm.sf(stats.norm.isf(0.025) - effect * np.sqrt(n / 2))
    fewer = stats.norm.sf(stats.norm.isf(0.025) - effect * np.sqrt((n - 1) / 2))
    assert power >= 0.799 > fewer and df > 0


def test_no_effect_needs_more_runs_than_anybody_has_and_a_clear_one_at_least_one_more():
    nothing, clear = (ClaimTest("effect", "m", "u", Numbers(estimate=1.0, df=20.0, p=p)) for p in (1.0, 1e-9))
    assert remedy.needed(nothing, 5, 0.05) == remedy.MOST_RUNS and remedy.needed(clear, 5, 0.05) == 6


def test_an_undecided_claim_tells_the_runs_that_it_needs_and_a_decided_one_nothing():
    weak = truth("dropout")
    weak = replace(weak, profiles={**weak.profiles, "augment": 0.25 * RISING / 3})
    found = verdicts(weak)
    assert "80 % power at this effect" in found.loc["C1", "decide"]
    assert "where there are 5" in found.loc["C1", "decide"]
    assert verdicts(truth("dropout")).loc["C2", "decide"] == ""


def test_a_control_that_is_missing_or_fails_names_the_change_of_the_design():
    without = replace(truth("dropout"), families=tuple(name for name in simulate.DOSES if name != "steps"))
    found = verdicts(without).loc["C2", "decide"]
    assert "what control steps lacks (the study has no family steps)" in found
    unlimited = verdicts(replace(truth("dropout"), limited=0.0)).loc["C1", "decide"]
    assert "fewer training images" in unlimited


def test_a_failed_generator_and_destructive_doses_have_remedies_of_their_own():
    made = next(setups(tables(truth("dropout")), OPTIONS.metrics))
    doses = tuple(condition for condition in made.design.rows if condition[0] == "augment")
    for failed, asked in ((doses, "a generator that does not fail"), ((), "weaker doses, which do not destroy")):
        (row,) = of_setup(replace(made, destructive=doses, failed=failed), OPTIONS, ("C1",))[0]
        assert row.decide == asked


@pytest.mark.parametrize("lack", Lack)
def test_a_reason_keeps_its_kind_whatever_words_are_around_it(lack: Lack):
    names = [name for _, name, _, _ in Formatter().parse(lack.text) if name]
    reason = lack.reason(**dict.fromkeys(names, "{has failed}")).within("was not measured: ", "; no replicates")
    assert reason.lack is lack and lack.remedy
    assert reason.text.startswith("was not measured: ") and reason.text.count("{has failed}") == len(names)
    made = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(1))
    assert remedy.remedy(made, undecided(reason), {}, True, 0.05) == lack.remedy


def test_words_of_a_reason_without_a_kind_decide_nothing():
    made = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(1))
    text = Reason("data set 'was not measured' has no replicates of every dose of it")
    assert remedy.remedy(made, undecided(text), {}, True, 0.05) == "what its reason names"


def test_a_control_without_replicates_asks_for_runs_by_its_status_alone():
    made = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(1))
    supported = Decision(Verdict.SUPPORTED, Reason("x"), None)
    assert remedy.remedy(made, supported, {"real_add": UNREPLICATED}, True, 0.05) == Lack.NO_REPLICATES.remedy
    named = Control(Status.NOT_SHOWN, "not shown for the dose 'no replicates'")
    assert remedy.remedy(made, supported, {"real_add": named}, True, 0.05) == "more runs for real added"


def test_every_undecided_row_of_a_null_study_has_a_remedy():
    made = simulate.setup(simulate.Truth(seeds=3), np.random.default_rng(1))
    rows, _ = of_setup(made, OPTIONS)
    assert rows and all(bool(row.decide) == (row.verdict is Verdict.UNDECIDED) for row in rows)


def test_over_setups_stands_what_each_open_setup_needs():
    rows = [claim_row("a", "undecided"), claim_row("b", "supported"), claim_row("c", "undecided")]
    rows = [replace(row, decide="more runs" if row.verdict is Verdict.UNDECIDED else "") for row in rows]
    assert together(rows, 0.05).decide == "d, a: more runs; d, c: more runs"
    opposite = [claim_row("a", "supported"), claim_row("b", "contradicted")]
    assert together(opposite, 0.05).decide.startswith("further data sets or backbones")
