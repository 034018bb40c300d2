"""Real signals at seeded moments of the smoke study: resumed after each, it ends as an undisturbed run does."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from toy_project import CONFIG, Project, environment, new_project
from weightscape.engine.processes import processes

pytestmark = [pytest.mark.slow, pytest.mark.faults]
SHARE = float(os.environ.get("SHARE", "1"))
STUDIES = max(1, round(6 * SHARE))
KILLS = max(1, round(60 * SHARE / STUDIES))
PATIENCE = 1800
"""Seconds after which a study that makes no progress counts as hung."""
KINDS = (
    "power cut",
    "head SIGTERM",
    "head SIGKILL",
    "job SIGTERM",
    "job SIGKILL",
    "fork SIGTERM",
    "fork SIGKILL",
    "preloaded SIGTERM",
    "preloaded SIGKILL",
)


def start(project: Project) -> subprocess.Popen[bytes]:
    """Start or resume the study by the documented command."""
    command = [sys.executable, "-m", "weightscape.cli", "resume", *CONFIG, "--cores", "2"]
    variables = environment(PYTHONPATH=str(project.root / "workflow"))
    with (project.root / "resume.log").open("ab") as log:
        return subprocess.Popen(command, cwd=project.root, stdout=log, stderr=log, env=variables)


def begun(project: Project) -> int:
    """How many jobs have begun."""
    return sum(1 for _ in (project.results / "logs").rglob("*.log"))


def victims(project: Project, owner: subprocess.Popen[bytes], kind: str, rng: random.Random) -> list[psutil.Process]:
    """The processes that a kind of accident hits; none if there is no such process now."""
    below = psutil.Process(owner.pid).children(recursive=True)
    beside = [psutil.Process(number) for number in processes(project.root)]
    if kind == "power cut":
        return [psutil.Process(owner.pid), *{*below, *beside}]
    # The program itself: the shell around it lets SIGTERM pass by.
    start = "snakemake" if kind.startswith("head") else "weightscape.stages"
    matching = [process for process in below if any(word.startswith(start) for word in process.cmdline()[:4])]
    preloaded = [process for process in beside if "weightscape.stages._preloaded" in process.cmdline()]
    forks = [process for process in preloaded if process.ppid() in {other.pid for other in preloaded}]
    if kind.startswith("fork"):
        matching = forks
    elif kind.startswith("preloaded"):
        matching = [process for process in preloaded if process not in forks]
    return [matching[0] if kind.startswith("head") else rng.choice(matching)] if matching else []


def strike(project: Project, owner: subprocess.Popen[bytes], kind: str, rng: random.Random) -> bool:
    """Send the signal; False if there is no such process now."""
    number = signal.SIGTERM if kind.endswith("SIGTERM") else signal.SIGKILL
    try:
        hit = victims(project, owner, kind, rng)
        for process in hit:
            process.send_signal(number)
    except psutil.NoSuchProcess:
        return kind == "power cut"
    return bool(hit)


def strike_once(project: Project, owner: subprocess.Popen[bytes], kind: str, rng: random.Random) -> str:
    """Try until a process is hit, after ten seconds by a power cut; the kind, empty if the study ended before."""
    limit = time.monotonic() + 10
    while owner.poll() is None:
        kind = kind if time.monotonic() < limit else "power cut"  # a study without a preloaded process has no fork
        if strike(project, owner, kind, rng):
            return kind
        time.sleep(0.1)
    return ""


def strike_at(project: Project, owner: subprocess.Popen[bytes], jobs: int, kind: str, rng: random.Random) -> str:
    """Strike some seconds after so many jobs have begun, also a study that the strike before did not end."""
    if not wait_for(project, owner, jobs):
        return ""
    time.sleep(rng.uniform(0, 4))
    return strike_once(project, owner, kind, rng)


def wait_for(project: Project, owner: subprocess.Popen[bytes], jobs: int) -> bool:
    """Wait until so many jobs have begun; False if the study ended before."""
    limit = time.monotonic() + PATIENCE
    while begun(project) < jobs and owner.poll() is None:
        assert time.monotonic() < limit, "the study hangs"
        time.sleep(0.1)
    return owner.poll() is None


def wait_until_quiet(project: Project, owner: subprocess.Popen[bytes]) -> None:
    """Wait until nobody works in the folder; a head that survived its job ends by itself."""
    owner.wait(PATIENCE)
    limit = time.monotonic() + PATIENCE
    while processes(project.root):
        assert time.monotonic() < limit, "orphans do not end"
        time.sleep(0.2)


@pytest.mark.parametrize("seed", range(STUDIES))
def test_a_study_that_is_killed_again_and_again_ends_with_the_same_bytes(
    smoke: Project, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    project = new_project(tmp_path / "project")
    jobs = begun(smoke)
    hits, asked = [], []
    owner = start(project)
    for moment in sorted(rng.sample(range(1, jobs - 6), KILLS)):  # the last jobs end too soon to be hit
        kind = rng.choice(KINDS)
        while not (hit := strike_at(project, owner, moment, kind, rng)) and owner.poll() != 0:
            wait_until_quiet(project, owner)  # the kill before has ended it
            owner = start(project)
        if hit:
            hits.append((moment, hit))
            asked.append(kind)
            print(f"{hit} after {moment} jobs had begun", flush=True)
    wait_until_quiet(project, owner)
    assert start(project).wait(PATIENCE) == 0, (project.root / "resume.log").read_text()[-3000:]
    print(f"study {seed}: {len(hits)} of {KILLS} kills hit")
    assert len(hits) == KILLS, hits
    as_asked = [kind for kind, (_, hit) in zip(asked, hits, strict=True) if kind == hit]
    for word in ("fork", "preloaded"):  # the preloaded processes are there, and are killed
        assert any(kind.startswith(word) for kind in as_asked) or not any(kind.startswith(word) for kind in asked), hits
    old, new = smoke.contents(), project.contents()
    assert set(old) == set(new), set(old) ^ set(new)
    assert [name for name in old if old[name] != new[name]] == []
    done = project.weightscape("verify", str(project.results))
    assert done.returncode == 0, done.stdout
