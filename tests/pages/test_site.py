"""The pages become a site that opens from disk: every link leads to a file of it, and nothing is fetched."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from toy_project import ROOT, environment

ADDRESS = re.compile(r'(?:href|src)="?([^"\s>]+)')
FETCHED = re.compile(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="?((?:https?:)?//[^"\s>]+)')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        [*command, "--config-file", str(ROOT / "workflow/docs_site.yml")],
        capture_output=True,
        text=True,
        env=environment(NO_MKDOCS_2_WARNING="1"),
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
@pytest.mark.process
def test_every_page_is_there_and_every_link_leads_to_a_file(site: Path) -> None:
    pages = {path.stem for path in site.glob("*.html")} - {"404"}
    assert pages == {path.stem for path in ROOT.glob("workflow/docs/*.md")} | {"index", "methods", "slurm"}
    lost = [
        (page, link)
        for page in pages
        for link in ADDRESS.findall((site / f"{page}.html").read_text())
        if not re.match(r"https?:|//|data:|mailto:|#", link) and not (site / re.split("[#?]", link)[0]).exists()
    ]
    assert not lost


@pytest.mark.slow
@pytest.mark.process
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    assert not {address for page in site.glob("*.html") for address in FETCHED.findall(page.read_text())}


def test_the_pictures_and_tables_that_the_pages_show_take_less_than_1_mb() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "results/example").rglob("*")) < 1e6
