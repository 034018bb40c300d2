"""The report's page and its figures: time to build, size, and time until a browser shows the explorer.

Writes results/bench/page.md. A made-up study of the size of the embedded one, and one with 60 times its families'
runs; each page is opened in Debian's chromium, headless, until the explorer has drawn its charts. Figures are drawn
one by one by the program that the workflow runs, imports included.

    python tests/benchmarks/page.py
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests")]

import made_tables  # noqa: E402
import yaml  # noqa: E402

STUDIES = {"69 runs": made_tables.study, "3,000 runs": made_tables.large}
GOALS = {"69 runs": "20 s, 8 MB, 2 s", "3,000 runs": "30 MB, 5 s"}
READY = "#explorer[data-state]"


def seconds(work: Callable[[], object]) -> float:
    """Wall time."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def saved(folder: Path, make: Callable[[], dict]) -> Path:
    """The tables of a study in a folder of results."""
    (folder / "6_metrics").mkdir(parents=True)
    for name, table in make().items():
        table.to_parquet(folder / "6_metrics" / f"{name}.parquet")
    return folder


def built(folder: Path) -> float:
    """Seconds that the page takes from figures that are there, as in the workflow."""
    command = [sys.executable, "-m", "weightscape.cli", "report", str(folder), "--out", str(folder / "page")]
    command += ["--figure", "claims"]
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT / "workflow"))


def opened(page: Path) -> float:
    """Seconds from asking for the page to a drawn explorer, the least of three."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        took = []
        for _ in range(3):
            tab = browser.new_page(viewport={"width": 1000, "height": 900})

            def load(tab=tab) -> None:
                tab.goto(page.as_uri())
                tab.wait_for_selector(READY, state="attached")

            took.append(seconds(load))
            tab.close()
        browser.close()
    return min(took)


def drawn(name: str, tables: Path, out: Path) -> float:
    """Seconds of one figure's job."""
    command = [sys.executable, "-m", "weightscape.stages.figure", "--tables", str(tables), "--settings"]
    command += [json.dumps({}), "--name", name, "--out", str(out / name)]
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True, cwd=ROOT / "workflow"))


def main() -> None:
    """Measure and write the page."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    lines = ["# The page", "", "| study | built s | MB | explorer drawn s | goals |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as room:
        for name, make in STUDIES.items():
            folder = saved(Path(room) / name, make)
            build = built(folder)
            page = folder / "page" / "report.html"
            size = page.stat().st_size / 1e6
            lines.append(f"| {name} | {build:.1f} | {size:.1f} | {opened(page):.1f} | {GOALS[name]} |")
        names = yaml.safe_load((ROOT / "config.yaml").read_text())["figures"]
        tables = Path(room) / "69 runs" / "6_metrics"
        took = {name: drawn(name, tables, Path(room)) for name in names}
    lines += ["", "| figure | s (goal 3) |", "|---|---|"]
    lines += [f"| {name} | {took[name]:.1f} |" for name in sorted(took, key=lambda name: -took[name])]
    target = ROOT / "results" / "bench" / "page.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    print(target.read_text())


if __name__ == "__main__":
    main()
