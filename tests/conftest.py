"""The finished smoke study, and tests that need a device skip where there is none."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from toy_project import Project, finished_project, linked_copy

# No test asserts a time: machines that do other work at once are slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The finished smoke study, made once for all workers; SMOKE may name a folder that keeps it between sessions."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = Path(os.environ.get("SMOKE") or shared / "smoke")
    whole = folder / ".finished"
    with FileLock(f"{folder}.lock"):
        if not whole.exists():
            finished_project(folder)
            whole.touch()
    return Project(folder)


@pytest.fixture
def project(smoke: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished study that a test may break."""
    yield linked_copy(smoke, tmp_path / "project")
    shutil.rmtree(tmp_path / "project", ignore_errors=True)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Skip tests marked `cuda` on a machine without a CUDA device, unless the CPU is to stand in for one."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked or "WEIGHTSCAPE_TEST_DEVICE" in os.environ:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def _numbers_as_python_has_them() -> Iterator[None]:
    """Gives denormal numbers back after a test whose stage has switched them off for the whole process."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


STARTED: list[str] = []
"""Programs that were started since the running test began."""
LEFT_OUT = {"git", "ldconfig", "gcc", "ld"}
"""git records the commit; the others are asked for libraries when a worker imports torch for the first time."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """Notes each program that Python starts."""
    if event == "subprocess.Popen" and Path(str(arguments[0])).name not in LEFT_OUT:
        STARTED.append(str(arguments[0]))


sys.addaudithook(_note)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A unit test that starts a program is marked `process`, so that `make test-fast` starts none."""
    STARTED.clear()
    yield
    if STARTED and "unit" in item.path.parts and not item.get_closest_marker("process"):
        pytest.fail(f"it started {STARTED[0]}: mark it `process`")
