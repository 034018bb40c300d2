"""A full disk and a results folder that cannot be written: one sentence, and finished results stay as they were."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from toy_project import CONFIG, Project, environment

pytestmark = [pytest.mark.slow, pytest.mark.faults]
CONDITION = "digits/efficientnet-lite0/noise/weak/seed0"
LOG = "logs/finetune/digits.efficientnet-lite0.noise.weak.seed0.log"
ROOM = 200_000
"""Bytes of the largest file that fits: enough for Snakemake's own, too few for weights."""


def run(project: Project, *words: str, before: tuple[str, ...] = (), room: int | None = None) -> tuple[int, str]:
    """Snakemake on one run of the study: its exit code and what it said."""

    def limit() -> None:
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    target = f"results/studies/smoke/4_finetune/{CONDITION}/manifest.json"
    command = [*before, "snakemake", target, "--cores", "1", *CONFIG, *words]
    done = subprocess.run(
        command, cwd=project.root, env=environment(), capture_output=True, text=True, preexec_fn=limit, timeout=900
    )
    return done.returncode, done.stderr


def last_line(project: Project) -> str:
    """Returns the last line of the job's log."""
    return (project.results / LOG).read_text().strip().splitlines()[-1]


def half_written(project: Project) -> list[Path]:
    return list(project.results.rglob("*.tmp"))


def test_a_disk_that_is_full_is_one_sentence_and_with_room_the_run_is_made_as_it_was(project: Project) -> None:
    before = project.contents()
    project.remove(f"4_finetune/{CONDITION}")
    assert run(project, "--forcerun", "finetune", room=ROOM)[0] != 0
    said = last_line(project)
    assert said.startswith("error: ") and "cannot be written (" in said, said
    assert half_written(project) == []
    assert project.weightscape("restore", *CONFIG).returncode == 0
    assert project.contents() == before


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root writes everywhere, and setpriv is missing"
)
def test_a_results_folder_that_cannot_be_written_is_one_sentence(project: Project) -> None:
    before = project.contents()
    drop = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    folder = project.results / "4_finetune" / CONDITION
    folder.chmod(0o555)
    try:
        code, said = run(project, "--force", before=drop)
    finally:
        folder.chmod(0o755)
    assert code != 0 and f"error: results/studies/smoke/4_finetune/{CONDITION} cannot be written" in said, said
    assert "Traceback" not in said
    assert project.contents() == before
    assert run(project, "--force")[0] == 0
    assert project.contents() == before
