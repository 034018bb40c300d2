"""The study of published tables under Snakemake: what makes it stale, and what does not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toy_project import ROOT, new_project

STUDY = "workflow/studies/published.yaml"
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished study of the toy tables, in a project of its own."""
    place = new_project(tmp_path_factory.mktemp("published")).root
    shutil.copytree(ROOT / "workflow/studies/published/toy", place / "tables")
    done = snakemake(place)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place


def snakemake(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", STUDY, *arguments]
    command += ["--config", "reanalyse={tables: tables}"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, timeout=600)


def planned(project: Path) -> bool:
    """Whether the analysis would run again."""
    done = snakemake(project, "-n")
    assert done.returncode == 0, done.stderr
    return "Nothing to be done" not in done.stdout + done.stderr


def test_touched_tables_and_captions_make_nothing_stale(project: Path) -> None:
    for path in (*project.glob("tables/*/*.csv"), *project.glob("workflow/report/captions/reanalysis/*.md")):
        path.touch()
    assert not planned(project)


@pytest.mark.parametrize("pattern", ["tables/*/*.csv", "workflow/report/captions/reanalysis/layer_curves.md"])
def test_what_is_replaced_by_an_older_file_makes_the_analysis_stale(project: Path, pattern: str) -> None:
    path = sorted(project.glob(pattern))[0]
    content = path.read_text()
    path.write_text(f"{content}1")
    os.utime(path, (1e9, 1e9))
    assert planned(project)
    path.write_text(content)


def test_a_table_that_is_added_makes_the_analysis_stale_and_one_that_went_again_does_not(project: Path) -> None:
    path = project / "tables" / "more.csv"
    path.write_text("a,b\n")
    assert planned(project)
    path.unlink()
    assert not planned(project)
