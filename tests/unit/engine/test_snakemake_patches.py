"""Snakemake's faults are mended in a real run, and a version that is not known stays as it is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weightscape.engine import snakemake_patches
from weightscape.project import WORKFLOW

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(WORKFLOW)!r})
from weightscape.engine import snakemake_patches
snakemake_patches.apply(workflow)

onstart:
    snakemake_patches.lift_rate_limit(workflow.scheduler)
    print("limit:", workflow.scheduler.job_rate_limiter, file=sys.stderr)
"""
SLOW = (
    SNAKEFILE
    + """
rule waits:
    output: "made"
    shell: "touch begun; sleep 2; touch made; sleep 600"
"""
)
SIGNALLED = (
    SNAKEFILE
    + """
import os, signal, threading, time
from snakemake.scheduling.job_scheduler import JobScheduler
finish = JobScheduler._finish_jobs

def finish_under_a_signal(self):
    assert self._lock.locked()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.2)
    finish(self)

JobScheduler._finish_jobs = finish_under_a_signal

rule all:
    input: "second"

rule makes:
    output: "{name}"
    shell: "touch {output}"
"""
)


def start(folder: Path, snakefile: str) -> subprocess.Popen[str]:
    (folder / "Snakefile").write_text(snakefile)
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.process
def test_a_signal_while_the_lock_is_held_stops_no_run_for_ever(tmp_path: Path) -> None:
    _, said = start(tmp_path, SIGNALLED).communicate(timeout=60)
    assert (tmp_path / "second").exists() and "limit: None" in said, said


@pytest.mark.process
def test_a_second_start_is_told_who_works_and_one_after_a_kill_how_to_go_on(tmp_path: Path) -> None:
    first = start(tmp_path, SLOW)
    while not (tmp_path / "begun").exists():
        assert first.poll() is None
    _, said = start(tmp_path, SLOW).communicate(timeout=60)
    assert f"process {first.pid} " in said and "makes these results" in said, said
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    (tmp_path / "made").touch()
    for left in ("locks and marks", "marks"):
        _, said = start(tmp_path, SLOW).communicate(timeout=60)
        assert "run `weightscape resume`" in said and "--cleanup-metadata" not in said, (left, said)
        for lock in (tmp_path / ".snakemake" / "locks").iterdir():  # as --unlock does
            lock.unlink()


@pytest.mark.parametrize("version", ["9.28.0", "9.27.1"])
def test_an_unknown_version_or_attribute_gives_one_line(
    version: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(snakemake_patches.snakemake, "__version__", version)
    scheduler = type("Scheduler", (), {"job_rate_limiter": 1} if version != "9.27.1" else {})()
    snakemake_patches.lift_rate_limit(scheduler)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "may take a whole core" in said
    assert not vars(scheduler)


def test_a_version_that_has_moved_its_modules_stays_as_it_is(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "snakemake.scheduling.job_scheduler", None)
    monkeypatch.delattr("snakemake.scheduling.job_scheduler", raising=False)
    snakemake_patches.mend(snakemake_patches.take_signals_in_a_thread, "it may hang")
    assert "is not mended" in capsys.readouterr().err
