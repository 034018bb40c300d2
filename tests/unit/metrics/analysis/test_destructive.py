"""Which conditions are left out: by the interval of their drop, and by a judge that is asked only what it knows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import OPTIONS, options
from weightscape.metrics.analysis.contrasts import contrast
from weightscape.metrics.analysis.destructive import drops, failed_generators
from weightscape.metrics.analysis.setups import Setup

DOSE = "augment", "d2"


def found(drop: float, noise: float = 0.005, seeds: int = 3, judge: float = 0.98, unchanged: float = 0.98) -> pd.Series:
    """The row of one dose whose validation accuracy lies `drop` below that of the baseline, exactly on average."""
    setup = study(seeds)
    design, val = setup.design, np.full(len(setup.outcomes["val"]), 0.9)
    for at in design.rows.values():
        val[at] += noise * (np.arange(len(at)) - (len(at) - 1) / 2)
    val[design.rows[DOSE]] -= drop
    seen = np.full(len(val), unchanged)
    seen[design.rows[DOSE]] = judge
    rows = drops(replace(setup, outcomes={**setup.outcomes, "val": val, "judge": seen}), OPTIONS)
    assert not rows.query("family != 'augment' or dose != 'd2'")[["destructive", "borderline"]].any(axis=None)
    return rows.set_index(["family", "dose"]).loc[DOSE]


def study(seeds: int) -> Setup:
    truth = simulate.Truth(seeds=seeds, layers=2, limited=0.0)
    return simulate.setup(truth, np.random.default_rng(0))


def test_a_drop_beyond_chance_is_destructive_and_one_within_is_borderline_and_kept() -> None:
    sure, unsure = found(0.06), found(0.06, noise=0.2)
    assert sure["destructive"] and not sure["borderline"] and sure["drop_low"] > 0
    assert unsure["borderline"] and not unsure["destructive"] and unsure["drop_low"] < 0
    assert unsure["reason"].endswith("which may be chance: kept")
    assert "(\N{MINUS SIGN}" in unsure["reason"]
    assert sure["reason"].startswith("validation accuracy 6.0 points below baseline (")


@pytest.mark.parametrize(("drop", "expected"), [(0.05, False), (0.05 + 4e-17, False), (0.0501, True), (0.02, False)])
def test_a_drop_on_the_line_is_not_beyond_it(drop: float, expected: bool) -> None:
    row = found(drop, noise=1e-4)
    assert row["destructive"] == expected and bool(row["reason"]) == expected


def test_the_interval_of_a_drop_is_that_of_the_contrast() -> None:
    setup = study(3)
    effect = contrast(setup.design, setup.outcomes["val"], setup.design.effect(*DOSE), OPTIONS.level)
    row = drops(setup, OPTIONS).set_index(["family", "dose"]).loc[DOSE]
    assert (row["drop"], row["drop_low"], row["drop_high"]) == pytest.approx((-effect.value, -effect.high, -effect.low))
    pool = drops(setup, OPTIONS).set_index("family").loc["baseline"]
    assert np.isnan(pool["drop"]) and not pool["destructive"] and pool["reason"] == ""


def test_single_runs_are_never_destructive_by_their_drop() -> None:
    row = found(0.3, seeds=1)
    assert row["borderline"] and not row["destructive"] and np.isnan(row["drop_low"])


@pytest.mark.parametrize(
    ("judge", "unchanged", "expected"),
    [
        (0.50, 0.98, True),  # nothing is left of what it knew
        (0.50, 0.51, False),  # it knows half of the unchanged images
        (0.46, 0.51, False),
        (0.45, 0.51, True),
        (0.10, 0.45, False),  # too poor to be asked
        (0.9, 1.0, False),  # on the line
    ],
)
def test_the_judge_is_asked_about_what_it_knows_of_unchanged_images(
    judge: float, unchanged: float, expected: bool
) -> None:
    row = found(0.0, judge=judge, unchanged=unchanged)
    assert row["destructive"] == expected
    if expected:
        assert (
            f"recognises {100 * judge:.1f} % of its images, {100 * unchanged:.1f} % of unchanged ones" in row["reason"]
        )


def test_a_true_drop_on_the_line_is_called_destructive_no_more_than_half_of_the_time_and_none_hardly_ever() -> None:
    found = {}
    for drop in (0.0, 0.05):
        truth = simulate.Truth(layers=2, outcomes={("val", "augment"): -drop})
        runs = simulate.runs_of(truth)
        studies = [simulate.setup(truth, np.random.default_rng(k), runs) for k in range(150)]
        flags = [drops(each, options(metrics=["log_norm"])).set_index(["family", "dose"]).loc[DOSE] for each in studies]
        found[drop] = [sum(bool(row[name]) for row in flags) for name in ("destructive", "borderline")]
    assert found[0.0] == [0, 0]
    assert stats.binomtest(found[0.05][0], 150, 0.5).pvalue > 0.001


def test_a_condition_that_draws_from_a_failed_recipe_is_left_out_whatever_its_accuracy() -> None:
    quality = pd.DataFrame(
        {
            "dataset": ["fake", "fake", "other"],
            "recipe": ["bad", "good", "bad"],
            "failed": ["the judge recognises 20.0 %", "", "no"],
            "conditions": [["augment/d2"], ["augment/d1"], ["augment/d3"]],
        }
    )
    failed = failed_generators(quality, "fake")
    assert list(failed) == [DOSE]
    rows = drops(study(3), OPTIONS, failed).set_index(["family", "dose"])
    assert rows["destructive"].sum() == 1 and rows.loc[DOSE, "destructive"]
    assert rows.loc[DOSE, "reason"] == "FAILED: recipe bad: the judge recognises 20.0 %"
    assert failed_generators(quality.drop(columns="conditions"), "fake") == {}
    assert failed_generators(quality.assign(conditions=None), "fake") == {}


def test_a_family_of_failed_conditions_alone_is_missing_because_its_generator_failed() -> None:
    setup = study(3)
    every = tuple(("augment", dose) for dose in setup.design.doses("augment"))
    kept = replace(setup, destructive=every, failed=every).only_kept()
    assert kept.missing("augment").text.startswith("the generator of every dose of ")
    assert replace(setup, destructive=every).only_kept().missing("augment").text.endswith("is destructive")
