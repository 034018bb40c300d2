"""A real browser, and the page of a made-up study."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.figures import made_tables

FIGURES = ("claims",)
STATE = "#explorer[data-state]"


def write_page(folder: Path, tables: dict) -> Path:
    """The report of some tables, through the command that a person would use."""
    from weightscape import cli

    (folder / "6_metrics").mkdir(parents=True)
    for name, table in tables.items():
        table.to_parquet(folder / "6_metrics" / f"{name}.parquet")
    figures = [word for name in FIGURES for word in ("--figure", name)]
    assert cli.main(["report", str(folder), "--out", str(folder / "page"), *figures]) == 0
    return folder / "page" / "report.html"


@pytest.fixture(scope="session")
def tables() -> dict:
    return made_tables.study(layers=12)


@pytest.fixture(scope="session")
def page_file(tables, tmp_path_factory) -> Path:
    return write_page(tmp_path_factory.mktemp("study"), tables)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium was found: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, page_file):
    """Opens the page at a width and an address; keeps what the console and the network had to say in `faults`."""
    opened = []

    def opener(
        address: str = "", width: int = 1000, file: Path = page_file, script: bool = True, scheme: str = "light"
    ):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            color_scheme=scheme,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.faults = []
        page.on("console", lambda message: page.faults.append(message.text))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda request: page.faults.append(request.url) if request.url[:4] == "http" else None)
        page.goto(f"{file.as_uri()}{address}")
        if script:
            page.wait_for_selector(STATE, timeout=60_000)
        opened.append(context)
        return page

    yield opener
    for context in opened:
        context.close()
