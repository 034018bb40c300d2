"""Runs whose weights were dropped: which plan would train them again, and what it says."""

import json
from pathlib import Path

import pytest

from weightscape import retraining
from weightscape.errors import UserError
from weightscape.records import write_record

SETTINGS = {"steps": 3}
CONFIG = {"study": {"keep_weights": "none"}, "allow_retraining": False}


def run(folder: Path, seconds: float = 1800.0) -> retraining.Planned:
    """A run that was trained and measured, without its weights."""
    folder.mkdir()
    history = folder / "history.parquet"
    history.write_bytes(b"x")
    facts = {"wall_seconds": seconds}
    write_record(folder, stage="finetune", settings=SETTINGS, code="c", inputs=[], outputs=[history], volatile=facts)
    return folder / "manifest.json", json.dumps(SETTINGS), "c"


def test_the_sentence_counts_the_runs_and_their_hours(tmp_path: Path) -> None:
    planned = [run(tmp_path / name) for name in "abc"]
    with pytest.raises(UserError, match=r"trains 3 runs again, about 1.5 GPU hours .*allow_retraining=true"):
        retraining.check(CONFIG, planned)
    with pytest.raises(UserError, match=r"trains 1 run again, about 0.5 GPU hours"):
        retraining.check(CONFIG, planned[:1])


def test_runs_that_are_new_changed_or_kept_are_trained_without_a_word(tmp_path: Path) -> None:
    manifest, settings, code = run(tmp_path / "a")
    new = (tmp_path / "new" / "manifest.json", settings, code)
    retraining.check(CONFIG, [new, (manifest, json.dumps({"steps": 4}), code), (manifest, settings, "other")])
    (tmp_path / "a" / "after.safetensors").write_bytes(b"weights")
    retraining.check(CONFIG, [(manifest, settings, code)])


def test_it_can_be_allowed_and_does_not_concern_studies_that_keep_all(tmp_path: Path) -> None:
    planned = [run(tmp_path / "a")]
    retraining.check(CONFIG | {"allow_retraining": True}, planned)
    retraining.check({"study": {"keep_weights": "all"}, "allow_retraining": False}, planned)
