"""Who works in a project folder."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from weightscape.engine import processes


def process(number: int, folder: Path, *words: str) -> SimpleNamespace:
    """One process as psutil tells of it."""
    return SimpleNamespace(
        pid=number, cmdline=lambda: list(words), status=lambda: psutil.STATUS_RUNNING, cwd=lambda: str(folder)
    )


def test_snakemake_is_named_before_its_jobs_whatever_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        process(7, tmp_path, "python", "-m", "weightscape.stages", "analyse"),
        process(8, tmp_path, "python", "notes.py"),
        process(9, tmp_path / "other", "snakemake", "--cores", "1"),
        process(32753, tmp_path, "/bin/python", "/bin/snakemake", "--cores", "1"),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda: found)
    assert list(processes.processes(tmp_path)) == [32753, 7]
    assert next(processes.workers(tmp_path)) == "process 32753 (python snakemake --cores 1)"
