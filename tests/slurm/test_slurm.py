"""On a real Slurm: jobs get what the profile asks for, failures and cancellations are seen, nothing runs twice."""

import re
import signal
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from slurm.started import Project, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(small: Callable[[], Project]) -> Path:
    """A project whose head went to the end; the job that can be interrupted was told to stop once."""
    project = small()
    head = project.start()
    wait_for((project.folder / "working").exists)
    signalled = [n for n in project.jobs("RUNNING") if "train_generator" in comment(n)]
    subprocess.run(["scancel", "--signal=TERM", *signalled], check=True)
    assert head.wait(900) == 0, project.said[-3000:]
    return project.folder


def comment(number: str) -> str:
    """The rule that a job runs."""
    return subprocess.check_output(["squeue", "--noheader", "--job", number, "--format", "%k"], text=True)


def test_a_job_gets_the_gpus_that_it_asks_for(finished: Path) -> None:
    assert [(run["gpus"], run["cpus"]) for run in runs(finished)] == [("1", "4")] * 3
    assert (finished / "gpus").read_text() == "gpus=none\n"


def test_runs_of_a_bundle_share_one_gpu_one_after_the_other(finished: Path) -> None:
    notes = sorted(runs(finished), key=lambda run: int(run["start"]))
    assert len({run["job"] for run in notes}) == 1
    assert all(int(before["end"]) <= int(after["start"]) for before, after in pairwise(notes))


def test_two_runs_of_a_bundle_work_side_by_side_on_its_gpu(small: Callable[[], Project]) -> None:
    project = small()
    profile = project.folder / "workflow/profiles/slurm/config.yaml"
    text = profile.read_text()
    assert text.count("\n  gpu: 1\n") == 1
    profile.write_text(text.replace("\n  gpu: 1\n", "\n  gpu: 2\n"))
    assert project.run("--", *(f"pairs/run{number}" for number in range(3))) == 0, project.said[-3000:]
    notes = runs(project.folder, "pairs")
    assert len({run["job"] for run in notes}) == 1
    assert [(run["gpus"], run["cpus"]) for run in notes] == [("1", "8")] * 3


def test_a_requeued_bundle_goes_on_after_the_runs_that_ended(small: Callable[[], Project]) -> None:
    project = small()
    paths = [project.folder / f"requeued/run{number}" for number in range(3)]
    head = project.start("--", *(str(path.relative_to(project.folder)) for path in paths))
    wait_for(lambda: len(list(project.folder.glob("requeued/*.begun"))) == 3)
    ended = {path: path.read_text() for path in paths if path.exists()}
    subprocess.run(["scontrol", "requeue", *project.jobs("RUNNING")], check=True)
    (project.folder / "go").touch()
    assert head.wait(600) == 0, project.said[-3000:]
    assert len(ended) == 2 and ended == {path: path.read_text() for path in ended}
    assert len({run["job"] for run in runs(project.folder, "requeued")}) == 1


def runs(project: Path, folder: str = "out") -> list[dict[str, str]]:
    """Reads the notes of the bundle's runs."""
    texts = [(project / folder / f"run{number}").read_text() for number in range(3)]
    return [dict(note.split("=") for note in text.split()) for text in texts]


def test_a_job_that_failed_is_resubmitted_with_more_memory(finished: Path) -> None:
    assert (finished / "out" / "before").read_text().split() == ["MinMemoryNode=4000M", "MinMemoryNode=8000M"]


def test_a_job_that_is_told_to_stop_saves_its_state_and_the_resubmitted_one_resumes(finished: Path) -> None:
    assert (finished / "out" / "generator").read_text() == "resumed from a saved state\n"


def test_a_cancelled_job_is_reported(small: Callable[[], Project]) -> None:
    project = small()
    head = project.start("--", "--retries", "0", "--", "long/0")
    wait_for(lambda: "start" in journal(project))
    subprocess.run(["scancel", *project.jobs("RUNNING")], check=True)
    assert head.wait(300) == 1
    assert "SLURM status is: 'CANCELLED'" in project.said
    assert "Error in rule train_judge" in project.said
    assert not (project.folder / "long" / "0").exists()


def test_a_head_that_was_killed_is_resumed_without_two_jobs_on_one_output(small: Callable[[], Project]) -> None:
    project = small()
    head = project.start("--", "long/0", "long/1")
    wait_for(lambda: journal(project).count("start") == 2)
    assert project.run("--", "long/0", "long/1") == 1
    assert re.search(rf"study digits is already being run by process {head.pid} on \S+: let it work", project.said)
    head.send_signal(signal.SIGKILL)
    head.wait()
    assert len(project.jobs("RUNNING")) == 2
    assert project.run("--", "long/0", "long/1") == 0, project.said[-3000:]
    assert "2 jobs of an earlier start are still in the queue, 0 of them have not begun" in project.said
    for number in (0, 1):
        words = [line.split()[0] for line in journal(project).splitlines() if f"long/{number} " in line]
        assert words == ["start", "end"] * (len(words) // 2) and words
        assert (project.folder / "long" / str(number)).exists()


def test_left_jobs_can_be_cancelled_instead(small: Callable[[], Project]) -> None:
    project = small()
    head = project.start("--", "long/0")
    wait_for(lambda: journal(project).count("start") == 1)
    head.send_signal(signal.SIGKILL)
    head.wait()
    assert project.run("--left", "cancel", "--", "long/0") == 0, project.said[-3000:]
    assert [line.split()[0] for line in journal(project).splitlines()] == ["start", "start", "end"]


def journal(project: Project) -> str:
    """Reads the notes of the long jobs."""
    path = project.folder / "journal"
    return path.read_text() if path.exists() else ""


def test_the_smoke_study_runs_through_sbatch_to_its_report(real: Project) -> None:
    assert real.run("--study", "smoke", seconds=1500) == 0, real.said[-3000:]
    results = real.folder / "results" / "studies" / "smoke"
    assert (results / "8_report" / "report.html").stat().st_size > 100_000
    assert len(list(results.glob("4_finetune/*/*/*/*/seed0/after.safetensors"))) == 6
    assert 10 < real.said.count("submitted with SLURM jobid") < 20
