"""Proof of action from what a witness may report: chance alone fails no run, and what did not act has no excuse."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from unit.finetune.small_runs import NEUTRAL, acting, items, trained
from weightscape.augmentations.operations import Operation
from weightscape.errors import UserError
from weightscape.finetune import proof
from weightscape.finetune.seen import PlaceSeen, Seen

SPARING = [
    (Operation("erasing", {"probability": 1.0, "area": 0.02}),),
    (Operation("randaugment", {"operations": 1, "magnitude": 1}),),
    (Operation("augmix", {"severity": 1, "width": 1}),),
    (Operation("flip", {"horizontal": 0.005, "vertical": 0.0}),),
]


@pytest.mark.parametrize("operations", SPARING[:3], ids=lambda operations: operations[0].name)
@pytest.mark.parametrize(("seen", "watched"), [(0.12, 288), (0.12, 30_000)])
def test_what_depends_on_the_image_may_spare_most(operations: tuple[Operation, ...], seen: float, watched: int) -> None:
    act, report = acting(operations=operations), baseline_report()
    proof.verdict(replace(report, changed_images=seen, images_watched=watched), act, items().description(), 8)


def test_many_steps_that_float16_left_out_fail_the_run() -> None:
    report = baseline_report()
    for steps, most in ((8, 4), (200, 30)):
        seen = replace(report, updates=steps, skipped_updates=float(most))
        proof.verdict(seen, NEUTRAL, items().description(), steps)
        with pytest.raises(UserError, match=f"{most + 1} of {steps} steps were left out, as float16 overflowed"):
            proof.verdict(replace(seen, skipped_updates=most + 1.0), NEUTRAL, items().description(), steps)


def test_rare_flips_may_be_unseen() -> None:
    act, report = acting(operations=SPARING[3]), baseline_report()
    proof.verdict(replace(report, changed_images=0.0, images_watched=288), act, items().description(), 8)
    with pytest.raises(UserError, match="only 0% of the images"):
        proof.verdict(replace(report, changed_images=0.0, images_watched=30_000), act, items().description(), 8)


@pytest.mark.parametrize("operations", SPARING[:3], ids=lambda operations: operations[0].name)
def test_what_depends_on_the_image_must_change_some(operations: tuple[Operation, ...]) -> None:
    act, report = acting(operations=operations), baseline_report()
    for few in ({"changed_images": 0.0, "images_watched": 288}, {"changed_images": 0.04, "images_watched": 30_000}):
        with pytest.raises(UserError, match=r"only [04]% of the images"):
            proof.verdict(replace(report, **few), act, items().description(), 8)


def with_paths(report: Seen, rate: float) -> Seen:
    """The report with so many paths dropped of 9 branches in 288 images."""
    return replace(report, places={**report.places, "path": PlaceSeen(9 * 288, rate, 0.0)})


def test_chance_alone_fails_no_small_rate_of_paths() -> None:
    """Droppings of 9 branches whose rates grow to .875 x the dose's, in 288 images, over 20,000 seeds."""
    draws, report = np.random.default_rng(0), baseline_report()
    for rate in (0.005, 0.01, 0.02, 0.05):
        act = acting(dropout={"path": rate})
        rates = np.linspace(0, 0.875, 10)[1:] * rate
        for dropped in np.unique(draws.binomial(288, rates, (20_000, 9)).sum(1)):
            proof.verdict(with_paths(report, dropped / (9 * 288)), act, items().description(), 8)
    with pytest.raises(UserError, match=r"dropout \(path\) of 0.05"):
        proof.verdict(with_paths(report, 0.0), act, items().description(), 8)


def test_few_draws_of_a_small_share_pass_and_none_of_many_fails() -> None:
    act = acting(items=replace(NEUTRAL.items, synthetic_share=0.1))
    listed = items().description() | {"synthetic_share": 0.1}
    report = replace(baseline_report(), items_drawn=48)
    for drawn in range(12):
        proof.verdict(replace(report, synthetic_share=drawn / 48), act, listed, 8)
    for drawn, total in ((0, 288), (15, 48), (400, 2304)):
        with pytest.raises(UserError, match=r"synthetic_share is 0\.100 in the item list"):
            proof.verdict(replace(report, items_drawn=total, synthetic_share=drawn / total), act, listed, 8)


@functools.cache
def baseline_report() -> Seen:
    """Returns the witness's report of a run without any intervention."""
    return trained()[1]
