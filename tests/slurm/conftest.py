"""A real Slurm on this machine, with two GPUs that are plain files, and projects that are started on it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slurm.started import ROOT, Project
from weightscape.engine.snakefile import PREFIX

HERE = Path(__file__).parent
PREPARED = f"""
from weightscape.engine import snakemake_patches
shell.prefix({PREFIX!r})
snakemake_patches.apply(workflow)
"""


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Slurm, for as long as the tests run."""
    if not shutil.which("slurmctld", path="/usr/sbin") or os.getuid() != 0:
        pytest.skip("needs root and: apt-get install --no-install-recommends slurm-wlm munge")
    state = tmp_path_factory.mktemp("slurm")
    try:
        started = subprocess.run([HERE / "start.sh", state], timeout=60)
        if started.returncode:
            pytest.skip("this machine cannot run a Slurm of its own (see above)")
        yield
    finally:
        subprocess.run([HERE / "stop.sh", state], timeout=60)


@pytest.fixture(scope="module")
def small(slurm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Project]]:
    """Makes projects whose jobs only tell what Slurm gave them, with the profile of the real workflow."""
    made: list[Project] = []

    def make() -> Project:
        folder = tmp_path_factory.mktemp("small")
        shutil.copy(HERE / "interrupted.py", folder)
        shutil.copy(ROOT / "config.yaml", folder)
        (folder / "Snakefile").write_text(f"{(HERE / 'Snakefile').read_text()}\n{PREPARED}")
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
