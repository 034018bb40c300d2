"""The GPU that is tested, and the page that says what was found on it.

WEIGHTSCAPE_TEST_DEVICE=cpu runs the same tests on the CPU, to test them; the page is left alone then.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "workflow" / "docs" / "gpu.md"
TITLE = "# On a GPU\n\n`make test-gpu` writes this page.\n\n"


@dataclass
class Page:
    """The outcome of each test by its name, and rows of measurements."""

    outcomes: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)


FOUND = Page()


@pytest.fixture
def page() -> Page:
    return FOUND


@pytest.fixture
def device() -> Iterator[Any]:
    """The device under test, set up as every stage sets it up."""
    import torch

    from weightscape.networks.device import prepare

    chosen = os.environ.get("WEIGHTSCAPE_TEST_DEVICE", "cuda")
    if chosen == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    before = torch.get_deterministic_debug_mode()
    yield prepare(chosen, 1)
    torch.set_deterministic_debug_mode(before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Notes the outcome of a test of this folder."""
    report = yield
    if Path(__file__).parent in item.path.parents and (report.when == "call" or report.outcome != "passed"):
        FOUND.outcomes[item.name] = report.outcome
    return report


def pytest_sessionfinish() -> None:
    """Writes the page, if the tests ran on a GPU."""
    import torch

    ran = [name for name, outcome in FOUND.outcomes.items() if outcome != "skipped"]
    if not ran or not torch.cuda.is_available() or "WEIGHTSCAPE_TEST_DEVICE" in os.environ:
        return
    from weightscape.networks.device import DRIVER

    driver = DRIVER.read_text().splitlines()[0] if DRIVER.is_file() else "unknown"
    about = f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}, driver: {driver}"
    tests = [f"| {name} | {outcome} |" for name, outcome in FOUND.outcomes.items()]
    rows = ["| measured | |", "|---|---|", *FOUND.lines, "", "| test | |", "|---|---|", *tests]
    PAGE.write_text(TITLE + f"{about}.\n\n" + "\n".join(rows) + "\n")
