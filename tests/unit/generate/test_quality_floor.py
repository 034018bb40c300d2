"""The floor of a generator's quality: what lies below has failed, before networks are trained on it."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightscape.errors import UserError
from weightscape.formats.json_yaml import write_json
from weightscape.generate.quality import MeasureQualitySettings, failed, failures, refused, unjudged
from weightscape.provenance.records import Origin, write_record
from weightscape.report import summary
from weightscape.stages.assemble import check_generator

SHARES = st.floats(0, 1)


@given(SHARES, st.floats(0.01, 1), SHARES)
def test_a_recipe_fails_if_its_share_of_the_real_accuracy_lies_below_the_floor(
    recognised: float, trusted: float, floor: float
) -> None:
    if abs(recognised / trusted - floor) > 1e-9:
        assert bool(failed(recognised, trusted, floor)) == (recognised / trusted < floor)


@given(SHARES, SHARES)
def test_a_floor_of_0_lets_all_pass(recognised: float, trusted: float) -> None:
    assert not failed(recognised, trusted, 0.0)


def test_a_judge_that_knows_nothing_lets_none_pass() -> None:
    assert failed(0.0, 0.0, 0.5)


def measured(folder: Path, below: str) -> Path:
    rows = [
        {"generator": "ddpm", "recipe": "good", "failed": ""},
        {"generator": "ddpm", "recipe": "bad", "failed": failed(0.2, 0.9, 0.8)},
    ]
    write_json(folder / "quality.json", rows)
    facts = {"refused": refused({row["recipe"]: row["failed"] for row in rows}, below)}
    write_record(folder, Origin("measure_quality", {}, ""), [folder / "quality.json"], facts)
    return folder / "manifest.json"


def test_images_of_a_failed_recipe_are_refused_before_training(tmp_path: Path) -> None:
    record = measured(tmp_path, "stop")
    check_generator(record, "good")
    with pytest.raises(UserError, match=r"recipe bad .* has failed: the judge recognises 20.0 % .*floor = 0.8; train"):
        check_generator(record, "bad")


def test_a_study_may_train_on_them_all_the_same(tmp_path: Path) -> None:
    check_generator(measured(tmp_path, "train"), "bad")


def test_the_report_names_what_failed() -> None:
    rows = pd.DataFrame([{"dataset": "cats", "generator": "ddpm", "recipe": name, "failed": why} for name, why in ()])
    runs = pd.DataFrame({"family": ["baseline", "noise", "synthetic_add"]})
    assert summary.failures({"quality": rows, "runs": runs}) == []
    rows = pd.DataFrame([{"dataset": "cats", "generator": "ddpm", "recipe": "a", "failed": failed(0.2, 0.9, 0.8)}])
    (sentence,) = summary.failures({"quality": rows, "runs": runs})
    assert sentence.startswith("FAILED, cats: recipe a of generator ddpm") and "20.0 % of its images" in sentence


SETTINGS = MeasureQualitySettings(1000, 5, 8, 0.8, 0.2, "stop", 0)


@given(SHARES, SHARES)
def test_images_that_are_near_no_real_ones_have_failed_whatever_the_judge_says(
    accuracy: float, coverage: float
) -> None:
    fault = failures(accuracy, coverage, 1.0, SETTINGS)
    assert bool(fault) == (accuracy < 0.8 or coverage < 0.2)
    assert ("quality.coverage" in fault) == (coverage < 0.2)
    assert not failures(accuracy, None, 1.0, SETTINGS) or accuracy < 0.8


@given(st.integers(2, 1000), SHARES)
def test_a_judge_at_chance_gets_no_verdict(classes: int, trusted: float) -> None:
    assert bool(unjudged(trusted, classes)) == (trusted < 1.5 / classes)
    (sentence,) = summary.failures(
        {"quality": pd.DataFrame([{"dataset": "a", "generator": "g", "failed": "", "unjudged": "it guesses"}] * 2)}
    )
    assert sentence == "NOT JUDGED, a: generator g: it guesses."
