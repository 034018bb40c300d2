"""Runs whose weights were dropped: which plan would train them again, and what it says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from weightscape.errors import UserError
from weightscape.provenance.records import Origin, write_record
from weightscape.verification import dropped_weights

pytestmark = pytest.mark.process

SETTINGS = {"steps": 3}


def run(folder: Path, seconds: float = 1800.0) -> dropped_weights.Training:
    """A run that was trained and measured, without its weights."""
    folder.mkdir()
    history = folder / "history.parquet"
    history.write_bytes(b"x")
    facts = {"wall_seconds": seconds}
    read = folder.parent / "items.parquet"
    read.write_bytes(b"items")
    write_record(folder, Origin("finetune", SETTINGS, "c", (read,)), [history], volatile=facts)
    gone = sorted(path.name for path in folder.parent.iterdir() if path.is_dir())
    write_record(folder.parent, Origin("drop_weights", {}, "c"), [], {"dropped": gone}, name="dropped")
    return dropped_weights.Training(folder / "manifest.json", json.dumps(SETTINGS), "c", [read])


def test_the_sentence_counts_the_runs_and_their_hours(tmp_path: Path) -> None:
    planned = [run(tmp_path / name) for name in "abc"]
    with pytest.raises(UserError, match=r"trains 3 runs again, about 1.5 GPU hours .*resume --allow-retraining"):
        dropped_weights.check(planned)
    with pytest.raises(
        UserError, match=r"trains 1 run again, about 0.5 GPU hours .*another set of seeds or splits needs"
    ):
        dropped_weights.check(planned[:1])


def test_runs_that_are_new_or_changed_are_trained_without_a_word(tmp_path: Path) -> None:
    old = run(tmp_path / "a")
    new = replace(old, manifest=tmp_path / "new" / "manifest.json")
    dropped_weights.check([new, replace(old, settings=json.dumps({"steps": 4})), replace(old, code="other")])
    old.inputs[0].write_bytes(b"other items")
    dropped_weights.check([old])


def test_only_runs_that_the_record_names_and_that_have_no_weights_are_refused(tmp_path: Path) -> None:
    old = run(tmp_path / "a")
    for name in ("after", "initial"):
        with pytest.raises(UserError, match="trains 1 run again"):
            dropped_weights.check([old])
        (tmp_path / "a" / f"{name}.safetensors").write_bytes(b"weights")
    dropped_weights.check([old])
    (tmp_path / "a" / "after.safetensors").unlink()
    (tmp_path / "dropped.json").unlink()
    dropped_weights.check([old])


def test_it_can_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dropped_weights.LEAVE, "1")
    dropped_weights.check([run(tmp_path / "a")])


@pytest.mark.parametrize(("leave", "sentence"), [("0", "trains 1 run again"), ("no", "= 'no' in the environment is")])
def test_only_1_in_the_environment_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: str, sentence: str
) -> None:
    monkeypatch.setenv(dropped_weights.LEAVE, leave)
    with pytest.raises(UserError, match=sentence):
        dropped_weights.check([run(tmp_path / "a")])


@pytest.mark.parametrize("provenance", ["{", "[]", "{}", '{"wall_seconds": null}', '{"wall_seconds": "long"}'])
def test_a_provenance_that_tells_no_time_counts_for_none(tmp_path: Path, provenance: str) -> None:
    planned = [run(tmp_path / name) for name in "ab"]
    (tmp_path / "a" / "provenance.json").write_text(provenance)
    with pytest.raises(UserError, match=r"trains 2 runs again, about 0.5 GPU hours"):
        dropped_weights.check(planned)


def test_a_record_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    planned = run(tmp_path / "a")
    (tmp_path / "a" / "manifest.json").write_text("[]")
    with pytest.raises(UserError, match=r"a/manifest.json is no record of Weightscape"):
        dropped_weights.check([planned])
