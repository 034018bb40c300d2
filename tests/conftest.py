import os
import shutil
from pathlib import Path

import pytest

from toy_project import Project, finished_project, linked_copy


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished smoke study, made once; SMOKE may name a folder to keep it in between test sessions."""
    kept = os.environ.get("SMOKE")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("smoke")
    return Project(folder) if (folder / "Snakefile").is_file() else finished_project(folder)


@pytest.fixture
def project(smoke: Project, tmp_path: Path):
    """A copy of the finished study that a test may break."""
    yield linked_copy(smoke, tmp_path / "project")
    shutil.rmtree(tmp_path / "project", ignore_errors=True)
