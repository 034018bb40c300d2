"""Defaults of missing keys, and the types of values that came from the command line as text."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import ROOT
from weightscape.study.config import checked

BLOCK = {"source": "image_folder", "root": ".", "image": {"size": 32, "channels": 3}}
SPLITS = {"train": "all", "val": 5, "test": 5, "extra": 5}


def config() -> dict[str, Any]:
    return read_yaml(ROOT / "config.yaml")


def load_and_merge(difference: Any) -> dict[str, Any]:
    whole = config()
    update_config(whole, difference)
    return whole


def test_trivial_keys_of_a_data_set_may_be_missing() -> None:
    whole = config()
    whole["data"]["own"] = {**BLOCK, "splits": SPLITS}
    own = checked(whole)["data"]["own"]
    assert own["classes"] == own["per_class"] == "all" and own["ood"] == {}
    assert own["unreadable"] == 0 and own["copies"] == 0.1 and own["image"]["pixel_limit"] > 10**8


def test_all_missing_keys_are_told_in_one_sentence() -> None:
    whole = config()
    del whole["finetune"]["steps"], whole["finetune"]["rise"], whole["evaluate"]["batch_size"]
    with pytest.raises(
        UserError, match="'steps', 'rise' are missing in finetune; key 'batch_size' is missing in evaluate"
    ):
        checked(whole)


def as_text(value: Any) -> Any:
    """A value as Snakemake reads it from the command line."""
    return yaml.load(yaml.dump(value), yaml.BaseLoader)


@pytest.mark.parametrize("study", sorted((ROOT / "workflow/studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_study_may_be_given_on_the_command_line(study: Path) -> None:
    given = read_yaml(study)
    merged = load_and_merge(given)
    assert checked(load_and_merge(as_text(given)), as_text(given)) == checked(merged)
    assert checked(as_text(merged), as_text(merged)) == checked(merged)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"study": {"seed": "1:30"}}, r"study.seed = '1:30' must be a whole number"),
        ({"finetune": {"steps": "2.5"}}, r"finetune.steps = 2.5 must be a whole number"),
        ({"finetune": {"steps": "-2"}}, r"finetune.steps = -2 is less than"),
        ({"data": {"digits": {"splits": {"val": "0"}}}}, r"splits.val = 0 is less than the minimum of 1"),
        ({"generate": {"gate": {"filter": "maybe"}}}, r"filter = 'maybe' must be true or false"),
        ({"families": {"noise": {"doses": {"weak": {"sigma": "no"}}}}}, r"weak.sigma = false must be a number"),
        ({"curvature": {"images": "nan"}}, r"it holds a value that is no text, number"),
    ],
)
def test_a_value_of_the_command_line_that_does_not_fit_is_told_as_it_is_read(given: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        checked(load_and_merge(given), given)
    assert "is text in YAML" not in str(caught.value)


def test_a_dose_is_left_out_from_the_command_line() -> None:
    given = {"families": {"noise": {"doses": {"weak": "null"}}}}
    assert list(checked(load_and_merge(given), given)["families"]["noise"]["doses"]) == ["strong"]


@pytest.mark.parametrize(
    ("text", "given", "key", "value"),
    [
        ({"steps": "10"}, "finetune", "steps", 10),
        ({"learning_rate": "1e-3"}, "finetune", "learning_rate", 1e-3),
        ({"seeds": ["0", "1"]}, "study", "seeds", [0, 1]),
        ({"goodness": "true"}, "spectra", "goodness", True),
        ({"name": "0x"}, "study", "name", "0x"),
        ({"images": "32"}, "curvature", "images", 32),
        ({"baseline_runs": "12"}, "study", "baseline_runs", 12),
        ({"name": "2024"}, "study", "name", "2024"),
    ],
)
def test_overrides_of_the_command_line_have_the_types_of_the_schema(
    text: Any, given: str, key: str, value: Any
) -> None:
    whole = config()
    whole[given] |= text
    found = checked(whole, {given: text})[given][key]
    assert found == value and type(found) is type(value)


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    whole = config()
    whole["data"]["own"] = {**BLOCK, "root": "~/images", "splits": SPLITS}
    assert checked(whole)["data"]["own"]["root"] == str(tmp_path / "images")
