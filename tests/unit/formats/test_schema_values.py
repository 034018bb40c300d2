"""Defaults of missing keys, and the types of values that came from the command line as text."""

from typing import Any

import pytest

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import ROOT
from weightscape.study.config import checked

BLOCK = {"source": "image_folder", "root": ".", "image": {"size": 32, "channels": 3}}
SPLITS = {"train": "all", "val": 5, "test": 5, "extra": 5}


def config() -> dict[str, Any]:
    return read_yaml(ROOT / "config.yaml")


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


@pytest.mark.parametrize(
    ("text", "given", "key", "value"),
    [
        ({"steps": "10"}, "finetune", "steps", 10),
        ({"learning_rate": "1e-3"}, "finetune", "learning_rate", 1e-3),
        ({"seeds": ["0", "1"]}, "study", "seeds", [0, 1]),
        ({"goodness": "true"}, "spectra", "goodness", True),
        ({"name": "0x"}, "study", "name", "0x"),
        ({"images": "32"}, "curvature", "images", 32),
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
