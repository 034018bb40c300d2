"""Verdicts over several setups."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics.planted import claim_row, options
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.claims.table import overall, partial_conjunction

OPTIONS = options(scratch=["b1"])


def joined(*setups: tuple) -> ClaimRow:
    return overall([claim_row(f"b{k}", *each) for k, each in enumerate(setups)], OPTIONS)[0]


def test_a_claim_that_holds_in_most_setups_holds_overall():
    found = joined(("supported",), ("supported", 2.0), ("undecided", 0.6))
    assert found.verdict == "supported" and found.p == pytest.approx(0.002)
    assert found.estimate == pytest.approx(1.2) and found.n == 18
    assert found.low == pytest.approx(1.2 - 0.5 * np.sqrt(3) / 3)


@pytest.mark.parametrize(
    ("setups", "words"),
    [
        ([("supported",), ("undecided",)], "supported in 1 of 2 setups, where more than half are needed"),
        ([("supported", 1.0, 0.03)] * 2 + [("undecided",)], "supported in 2 of 3 setups, p = 0.06"),
        ([("supported",), ("supported",), ("contradicted", -1.0)], "data sets or backbones disagree"),
        ([("supported",), ("supported",), ("undecided", -9.0)], "the mean over setups lies on the other side of zero"),
        ([("undecided",)] * 2, "no setup has a verdict"),
    ],
)
def test_what_is_not_shown_in_most_setups_is_undecided_overall(setups: list, words: str):
    found = joined(*setups)
    assert found.verdict == "undecided" and words in found.reason and np.isnan(found.p)


def test_a_claim_of_one_setup_is_that_of_the_setup():
    assert joined(("contradicted",)) == replace(claim_row("all", "contradicted"), dataset="all")


@pytest.mark.parametrize("setups", [1, 2, 3, 4, 7])
def test_true_in_too_few_setups_is_rejected_in_at_most_five_percent(setups: int):
    rng = np.random.default_rng(setups)
    certain = setups // 2  # one short of more than half: p of the others is uniform
    drawn = [partial_conjunction([0.0] * certain + list(rng.random(setups - certain)), setups) for _ in range(2000)]
    assert np.mean(np.array(drawn) < 0.05) < 0.065


def test_setups_whose_tests_differ_have_no_common_estimate():
    two = [claim_row("b0", "supported"), replace(claim_row("b1", "supported"), metric="other")]
    found = overall(two, OPTIONS)[0]
    assert np.isnan(found.estimate) and found.test == "verdicts of the setups" and found.metric == ""
