"""A job is done if the given config would make the same; the time left is told from what finished jobs took."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

import pytest

from weightscape.commands import status
from weightscape.commands.status import remaining, state_of
from weightscape.project import DEFAULT_CONFIG
from weightscape.provenance.code_digest import code_digest
from weightscape.provenance.records import Origin, write_record
from weightscape.study.config import load
from weightscape.study.jobs import PlannedJob
from weightscape.study.settings import settings


def test_the_time_left_is_told_from_the_jobs_whose_times_are_known(tmp_path: Path) -> None:
    texts = ['{"wall_seconds": 60}', "[]", '{"wall_seconds": null}', "{"]
    jobs = [PlannedJob("finetune", tmp_path / f"{number}.json", tmp_path) for number in range(len(texts))]
    for job, text in zip(jobs, texts, strict=True):
        job.provenance.write_text(text)
    assert remaining(jobs, jobs[:2]) == "about 2 min with 1.0 jobs at once"


def test_a_job_is_done_only_if_the_given_config_would_make_the_same_and_tells_of_its_time_if_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config: Any = load(DEFAULT_CONFIG, None)
    code = code_digest("data", "data.digits")
    origin: Any = Origin("data", settings(config, "data", {"dataset": "digits", "split": "train"}), code, ())
    folder = tmp_path / "1_data" / "digits" / "train"
    folder.mkdir(parents=True)
    (folder / "shard").write_text("")
    write_record(folder, origin, [folder / "shard"])
    (tmp_path / "logs" / "data").mkdir(parents=True)
    monkeypatch.setattr(status, "load", lambda *_: config)
    monkeypatch.setattr(status, "results_folder", lambda *_: str(tmp_path))

    def said() -> str:
        status.run(argparse.Namespace(config=DEFAULT_CONFIG, configfile=None))
        return capsys.readouterr().out

    assert ": 1 of " in said()
    config["data"]["digits"]["splits"]["train"] = 900
    changed = said()
    assert ": 0 of " in changed and ", 1 to be made anew" in changed
    assert re.search("time left: at least .*; the .* jobs of .*train_judge.* are not counted", changed)


def test_the_log_of_a_job_that_ended_well_tells_nothing(tmp_path: Path) -> None:
    job = PlannedJob("evaluate", tmp_path / "record.json", tmp_path / "a.log")
    assert state_of(job) is None
    job.log.write_text("progress evaluate: 2/2 runs, 3/s, 0 s left\n")
    os.utime(job.log, (0, 0))
    assert state_of(job) is None
    job.log.write_text("progress evaluate: 1/2 runs, 3/s, 1 s left\n")
    os.utime(job.log, (0, 0))
    assert state_of(job) == ("stopped", "progress evaluate: 1/2 runs, 3/s, 1 s left")
    job.record.write_text("")
    assert state_of(job) is None
    os.utime(job.record, (0, 0))
    os.utime(job.log)
    assert (state_of(job) or ("",))[0] == "running"
