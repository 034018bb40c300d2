"""Undecided claims tell what would decide them."""

from dataclasses import replace
from string import Formatter

import numpy as np
import pytest
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, RISING, claim_row, tables, truth, verdicts
from weightscape.metrics.analysis.claims import remedy
from weightscape.metrics.analysis.claims.table import DISAGREE, of_setup, overall, together
from weightscape.metrics.analysis.reasons import Lack, Reason
from weightscape.metrics.analysis.setups import setups
from weightscape.metrics.analysis.verdicts import (
    ClaimTest,
    Control,
    Decision,
    Numbers,
    Status,
    Verdict,
    undecided,
    untested,
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
    assert remedy.remedy(made, supported, {"real_add": untested()}, True, 0.05) == Lack.NO_REPLICATES.remedy
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
    opposite = [claim_row("a", "supported"), claim_row("b", "contradicted"), rows[0]]
    assert together(opposite, 0.05).decide == DISAGREE


def parts(*pairs: tuple[float, float]) -> list[ClaimTest]:
    """Deciding tests of estimates and their p, by a normal statistic; the claim states a rise."""
    return [ClaimTest("effect", str(k), "u", Numbers(x, p=p), expects=1) for k, (x, p) in enumerate(pairs)]


def asked_runs(tests: list[ClaimTest], all_agree: bool = False) -> str:
    made = simulate.setup(simulate.Truth(seeds=5), np.random.default_rng(1))
    return remedy.remedy(
        made, Decision(Verdict.UNDECIDED, Reason("x"), None, tests, all_agree=all_agree), {}, True, 0.05
    )


def test_a_part_against_the_claim_asks_for_the_runs_that_contradict_it_and_others_do_not_count():
    """At n runs t grows as its root; Holm's first step is at alpha over the number of parts."""
    t = stats.norm.isf(0.06 / 2)
    literal = int(np.ceil(5 * ((stats.norm.isf(0.05 / 3 / 2) + stats.norm.ppf(0.8)) / t) ** 2))
    assert asked_runs(parts((-1, 0.06), (1, 0.9), (1, 0.9))).startswith(f"about {literal} runs of each condition")
    told = asked_runs(parts((-1, 0.04), (1, 1e-9)))  # told from chance, but not after Holm beside the second
    literal = int(np.ceil(5 * ((stats.norm.isf(0.05 / 2) + stats.norm.ppf(0.8)) / stats.norm.isf(0.04 / 2)) ** 2))
    assert told.startswith(f"about {literal} runs of each condition")
    assert asked_runs(parts((1, 0.06), (1, 0.9))).startswith("not more runs (80 % power")


def test_parts_that_must_agree_and_point_to_different_sides_ask_for_another_design():
    assert asked_runs(parts((-1, 0.3), (1, 0.3)), all_agree=True) == remedy.OTHER_DESIGN
    assert asked_runs(parts((-1, 0.3), (-1, 0.3)), all_agree=True).startswith("about")


def test_c4_names_what_its_study_lacks_and_asks_for_nothing_once_it_has_a_verdict():
    one = overall([claim_row("b0", "supported", claim="C4")], OPTIONS)[0]
    assert one.verdict == "undecided" and one.decide.startswith("a study that does not lack this: has one backbone")
    rows = [replace(claim_row(name, "undecided", claim="C4"), decide="more runs") for name in ("b0", "b1", "b2")]
    rows[0] = claim_row("b0", "contradicted", claim="C4", p=1e-6)
    decided = overall(rows, replace(OPTIONS, scratch=("b1",)))[0]
    assert decided.verdict == "contradicted" and decided.decide == ""
