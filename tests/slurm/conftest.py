"""A real Slurm on this machine, with two GPUs that are plain files, and projects that are started on it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Slurm, for as long as the tests run."""
    if not shutil.which("slurmctld", path="/usr/sbin") or os.getuid() != 0:
        pytest.skip("needs root and: apt-get install --no-install-recommends slurm-wlm munge")
    state = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([HERE / "start.sh", state], check=True, timeout=60)
        yield
    finally:
        subprocess.run([HERE / "stop.sh", state], timeout=60)


class Project:
    """A folder with a workflow in it, in which heads are started as `make cluster` starts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heads: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a head; what it says goes to the file `head.log`."""
        package = self.folder / "workflow" if (self.folder / "workflow/weightscape").is_dir() else ROOT / "workflow"
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST",)}
        environment |= {"PYTHONPATH": str(package), "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "weightscape.cli", "cluster", *words]
        with (self.folder / "head.log").open("a") as log:
            head = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, text=True, env=environment)
        self.heads.append(head)
        return head

    def run(self, *words: str, seconds: float = 600) -> int:
        """Start a head and wait for its end."""
        return self.start(*words).wait(seconds)

    @property
    def said(self) -> str:
        """What all heads have said so far."""
        return (self.folder / "head.log").read_text()

    def jobs(self, state: str) -> list[str]:
        """Numbers of this project's jobs in the queue in a state."""
        command = ["squeue", "--noheader", "--states", state, "--format", "%i %Z"]
        rows = [line.split() for line in subprocess.check_output(command, text=True).splitlines()]
        return [number for number, folder in rows if Path(folder) == self.folder]

    def close(self) -> None:
        """End what is still there."""
        for head in self.heads:
            if head.poll() is None:
                head.send_signal(signal.SIGKILL)
                head.wait()
        for number in self.jobs("RUNNING,PENDING"):
            subprocess.run(["scancel", number])


@pytest.fixture(scope="module")
def small(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Project]]:
    """Makes projects whose jobs only tell what Slurm gave them, with the profile of the real workflow."""
    made: list[Project] = []

    def make() -> Project:
        folder = tmp_path_factory.mktemp("small")
        shutil.copy(HERE / "interrupted.py", folder)
        shutil.copy(ROOT / "config.yaml", folder)
        prefix = re.findall(r"^shell\.prefix.*$", (ROOT / "workflow/rules/common.smk").read_text(), re.MULTILINE)
        (folder / "Snakefile").write_text("\n".join([(HERE / "Snakefile").read_text(), *prefix, ""]))
        shutil.copytree(ROOT / "workflow" / "profiles", folder / "workflow" / "profiles")
        made.append(Project(folder))
        return made[-1]

    yield make
    for project in made:
        project.close()


@pytest.fixture
def real(slurm: None, tmp_path: Path) -> Iterator[Project]:
    """A copy of the real workflow."""
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(tmp_path)
    yield project
    project.close()


def wait_for(answer: Callable[[], object], seconds: float = 300) -> None:
    """Wait until the answer is true."""
    end = time.monotonic() + seconds
    while not answer():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
