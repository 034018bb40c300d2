"""C10: images chosen by their diversity, at equal budgets and purity."""

from dataclasses import replace

import numpy as np
import pytest

from unit.metrics import simulated_choices as simulate
from unit.metrics.planted import options
from unit.metrics.simulated_choices import Truth
from weightscape.metrics.analysis import choices
from weightscape.metrics.analysis.claims import table
from weightscape.metrics.analysis.claims.claim import ClaimRow
from weightscape.metrics.analysis.settings import Options
from weightscape.metrics.analysis.setups import Setup
from weightscape.metrics.analysis.verdicts import ClaimTest

OPTIONS = replace(options(metrics=["log_norm", "entropy"]), further=simulate.further())
STRONG = Truth(gain=0.1, noise=0.03)


def made(truth: Truth = STRONG, chance: int = 0) -> Setup:
    return simulate.setup(truth, np.random.default_rng(chance))


def c10(setup: Setup, asked: Options = OPTIONS) -> tuple[ClaimRow, list[ClaimTest]]:
    rows, tests = table.of_setup(setup, asked, ["C10"])
    return rows[0], tests["C10"]


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [(0.1, "supported"), (-0.1, "contradicted"), (0.0, "undecided")],
    ids=["rises", "falls", "flat"],
)
def test_the_claim_follows_the_gain_of_diverse_images(gain: float, verdict: str) -> None:
    row, _ = c10(made(replace(STRONG, gain=gain)))
    assert row.verdict == verdict, row.reason
    assert "choice: passed" in row.controls and "purity: passed" in row.controls and row.n == 96


def test_images_that_are_diverse_but_gain_nothing_leave_the_claim_undecided_though_the_least_diverse_lose() -> None:
    row, tests = c10(made(replace(STRONG, gains={"least_diverse": -1.0})))
    assert row.verdict == "undecided" and row.reason.count("log-determinant less random")
    assert [test.verdict for test in tests if test.question == "least diverse less random" and test.decides] == [
        "supported"
    ]


def test_contrasts_are_means_over_budgets_and_the_slope_is_that_of_parallel_lines() -> None:
    setup = made()
    _, tests = c10(setup)
    means = {c: setup.outcomes["ood"][at].mean() for c, at in setup.design.rows.items()}
    by_hand = [means["synthetic_add", f"log_det-{s}"] - means["synthetic_add", f"random-{s}"] for s in simulate.SHARES]
    assert tests[0].numbers.estimate == pytest.approx(np.mean(by_hand))
    conditions = [("synthetic_add", f"{way}-{share}") for share in simulate.SHARES for way in simulate.GAINS]
    scores = np.log(setup.diversity[simulate.SPACE, "vendi_1"])
    x = [scores[setup.design.rows[c]].mean() for c in conditions]
    blocks = np.kron(np.eye(3), np.ones((4, 1)))
    lines = np.linalg.lstsq(np.column_stack([x, blocks]), [means[c] for c in conditions], rcond=None)[0]
    assert tests[2].numbers.estimate == pytest.approx(lines[0])


def test_the_pattern_of_chosen_images_is_told_beside_dropouts_and_decays() -> None:
    _, tests = c10(made(replace(STRONG, pattern=3.0)))
    cosines = {(test.question, test.family): test.numbers for test in tests if test.question.startswith("cosine")}
    for text in ("log-determinant less random", "slope on ln Vendi within budgets"):
        like, unlike = (cosines[f"cosine of {text}", family] for family in ("dropout", "weight_decay"))
        assert like.low > 0.9 and unlike.low < 0 < unlike.high


def test_chosen_images_that_leave_the_spectra_alone_have_no_pattern() -> None:
    _, tests = c10(made(replace(STRONG, pattern=0.0)))
    told = [test for test in tests if test.metric == "signature"]
    assert {(test.question, test.scope) for test in told} == {
        (f"signature of {text}", scope)
        for text in ("log-determinant less random", "slope on ln Vendi within budgets")
        for scope in ("hidden", "head")
    }
    assert all(test.numbers.p > 0.05 and not test.decides for test in told)


def test_without_dropout_and_decay_no_pattern_is_asked() -> None:
    assert not [test for test in c10(made())[1] if test.metric == "signature"]


def test_purity_that_differs_between_the_sets_leaves_the_claim_undecided() -> None:
    row, _ = c10(made(replace(STRONG, purity=0.03)))
    assert row.verdict == "undecided" and "purity: failed" in row.controls and "3" in row.controls


def test_sets_that_are_no_more_diverse_than_random_ones_leave_the_claim_undecided() -> None:
    row, _ = c10(made(replace(STRONG, scores=0.0)))
    assert row.verdict == "undecided" and "choice: failed" in row.controls


def test_training_that_further_real_images_do_not_help_leaves_the_claim_undecided() -> None:
    row, _ = c10(made(replace(STRONG, limited=0.0)))
    assert row.verdict == "undecided" and row.reason.startswith("not limited by data")


def test_an_effect_that_few_runs_cannot_tell_names_the_runs_that_can() -> None:
    setup = made(Truth(seeds=3, pool=12, gain=0.03))
    row, tests = c10(setup)
    assert row.verdict == "undecided" and row.reason.startswith("n: at this effect 80 % power needs ")
    needed = int(row.reason.split("needs ")[1].split()[0])
    unclear = next(test for test in tests if test.decides and test.verdict == "undecided")
    t = abs(unclear.numbers.statistic)
    assert needed == pytest.approx(3 * (2.8 / t) ** 2, rel=0.1) and needed > 3


@pytest.mark.parametrize("changes", [{"gated": False}, {"method": "log_det"}])
def test_sets_that_the_gate_does_not_make_equally_right_are_no_budget(changes: dict) -> None:
    further = tuple(replace(each, **changes) if each.method == "random" else each for each in simulate.further())
    row, _ = c10(made(), replace(OPTIONS, further=further))
    assert row.verdict == "undecided" and row.reason.startswith("no budget was chosen")


def test_real_images_are_right_without_a_gate() -> None:
    further = [replace(e, family="real_select", gated=False) for e in simulate.further() if e.method]
    there = [(each.family, each.dose) for each in further]
    assert len(choices.budgets(further, there)) == 3
    assert not choices.budgets([replace(each, family="synthetic_add") for each in further], there)


def test_a_study_without_chosen_images_does_not_ask_the_claim() -> None:
    plain = replace(OPTIONS, further=tuple(each for each in OPTIONS.further if not each.is_chosen))
    names = [row.claim for row in table.of_setup(made(), plain)[0]]
    assert names == [f"C{number}" for number in range(1, 10)]
    assert [row.claim for row in table.of_setup(made(), OPTIONS)[0]] == [*names, "C10"]


def test_chosen_doses_do_not_stand_for_their_family() -> None:
    setup = made()
    design = replace(setup.design, chosen=OPTIONS.chosen)
    assert design.strongest("synthetic_add") == "random-1.0"
    assert design.curve("synthetic_add")[1:] == [("synthetic_add", f"random-{share}") for share in simulate.SHARES]
    every = replace(setup.design, chosen=frozenset(c for c in setup.design.rows if c[0] == "synthetic_add"))
    assert len(every.plain("synthetic_add")) == 12
