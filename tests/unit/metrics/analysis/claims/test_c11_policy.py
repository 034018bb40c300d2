"""C11: an augmentation policy that is chosen by its diversity, against others, on runs that did not choose it."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics import simulated_policies as simulate
from unit.metrics.planted import options
from unit.metrics.simulated_policies import BEST, SPACE, Truth
from weightscape.metrics.analysis.claims import c11_policy, table
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest

OPTIONS = replace(options(metrics=["log_norm"]), scratch=("net",))
POLICIES, STRONGEST = 12, 11


def made(gain: float = 0.1, seeds: int = 12, policies: int = POLICIES) -> Setup:
    return simulate.setup(Truth(gain=gain, seeds=seeds, policies=policies), np.random.default_rng(0))


def c11(setup: Setup, asked: Options = OPTIONS) -> tuple[ClaimRow, list[ClaimTest]]:
    rows, tests = table.of_setup(setup, asked, ["C11"])
    return rows[0], tests["C11"]


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.1, "supported"), (-0.1, "contradicted"), (0.0, "undecided")],
    ids=["gains", "loses", "flat"],
)
def test_the_claim_follows_the_gain_of_the_most_diverse_accepted_policy(gain: float, verdict: str) -> None:
    row, tests = c11(made(gain))
    assert row.verdict == verdict, row.reason
    assert tests[0].dose == f"p{BEST:02d}" and [test.decides for test in tests[:3]] == [True, True, False]


def test_contrasts_are_means_over_halves_each_of_which_the_other_half_chose_for() -> None:
    setup = made()
    scores = setup.diversity[SPACE, "vendi_1"]
    other = setup.design.rows["augment", "p02"][:6]
    scores[other] = 50.0  # the first half chooses p02, for the second
    _, tests = c11(setup)
    ood = {dose: setup.outcomes["ood"][setup.design.rows["augment", dose]] for dose in setup.design.doses("augment")}
    first = ood[f"p{BEST:02d}"][:6].mean() - np.mean([values[:6] for values in ood.values()])
    second = ood["p02"][6:].mean() - np.mean([values[6:] for values in ood.values()])
    assert tests[0].numbers.estimate == pytest.approx((first + second) / 2)
    assert tests[0].dose == f"p{BEST:02d}, p02"
    strongest = ood[f"p{STRONGEST:02d}"]
    by_hand = (ood[f"p{BEST:02d}"][:6].mean() - strongest[:6].mean() + ood["p02"][6:].mean() - strongest[6:].mean()) / 2
    assert tests[1].numbers.estimate == pytest.approx(by_hand)


def test_outcomes_of_training_have_no_part_in_the_choice() -> None:
    setup = made()
    chosen = c11(setup)[1][0].dose
    for name in ("ood", "test", "val"):
        setup.outcomes[name][:] = setup.outcomes[name][::-1].copy()
    assert c11(setup)[1][0].dose == chosen


def test_a_choice_that_is_the_strongest_policy_leaves_the_claim_undecided() -> None:
    setup = made()
    strongest = setup.design.rows["augment", f"p{STRONGEST:02d}"]
    setup.diversity[SPACE, "vendi_1"][strongest], setup.outcomes["ood"][strongest] = 50.0, 0.9
    row, _ = c11(setup)
    assert row.verdict == "undecided" and "the chosen policy is the strongest policy" in row.reason


@pytest.mark.parametrize(
    ("setup", "reason"),
    [
        (made(policies=7), "augment has 7 policies, where 8 are needed"),
        (made(seeds=3), "n: halves need 4 runs of each policy, and there are 3"),
        (replace(made(), diversity={("net", "vendi_1"): np.ones(174)}), "diversity in the embedding of a pre-trained"),
        (replace(made(), outcomes={"ood": np.ones(174)}), "there is no judge"),
    ],
    ids=["few policies", "few runs", "no embedding", "no judge"],
)
def test_a_claim_that_cannot_be_tested_tells_why(setup: Setup, reason: str) -> None:
    row, _ = c11(setup)
    assert row.verdict == "undecided" and row.reason.startswith(reason)


def test_a_judge_that_accepts_no_policy_leaves_the_claim_undecided() -> None:
    setup = made()
    setup.outcomes["judge"][setup.design.rows["augment", "p00"][0] :] = 0.3
    assert c11(setup)[0].reason == "the judge accepts no policy."


def test_only_a_study_of_many_policies_asks_the_claim() -> None:
    few, many = (
        [row.claim for row in table.of_setup(made(policies=policies), OPTIONS)[0]]
        for policies in (c11_policy.LEAST_POLICIES - 1, c11_policy.LEAST_POLICIES)
    )
    assert "C11" not in few and many == [*few, "C11"]
