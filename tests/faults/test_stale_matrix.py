"""Only stale stages rerun: every row of the stale matrix on the real workflow at toy size."""

import os
import random

import pytest

from faults import staleness_page
from faults.code_table import READS
from faults.stale_matrix import ROWS, Row
from toy_project import Project
from weightscape.project import PACKAGE
from weightscape.verification.results import read_results

SHARE = float(os.environ.get("SHARE", "1"))
"""Share of the rows that are tried, drawn by a fixed seed."""


HANDFUL = (
    "config `backbones.efficientnet-lite0.batch_norm_momentum`",
    "config `diversity.common_rows`",
    "config `families.noise.doses.strong.sigma`",
    "code `spectra/table.py`",
    "code `figures/esd.py`",
    "another training set in the same place",
    "a seed added",
    "an OOD set added",
)
"""The rows of `make test`, of all kinds; `make test-faults` has the others."""


def drawn(share: float) -> list[Row]:
    count = max(1, round(share * len(ROWS)))
    chosen = random.Random("all").sample(range(len(ROWS)), count)
    return [ROWS[number] for number in sorted(chosen)]


def check(project: Project, row: Row) -> None:
    row.edit(project)
    if row.stops:
        done = project.snakemake("-n")
        text = done.stdout + done.stderr
        assert done.returncode != 0 and row.stops in text and "Traceback" not in text, text
        return
    assert project.planned() == row.expected(project)
    if row.verify:
        done = project.weightscape("verify", str(project.results))
        assert done.returncode == 1 and row.verify in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.change in HANDFUL], ids=lambda row: row.name)
def test_a_change_reruns_exactly_what_is_stale(project: Project, row: Row) -> None:
    check(project, row)


@pytest.mark.slow
def test_all_that_makes_nothing_stale_makes_nothing_stale_together(project: Project) -> None:
    rows = [row for row in ROWS if not (row.reruns or row.stops or row.verify)]
    assert {row.change for row in rows} >= {"every file touched", "a lock file", "results of another study"}
    for row in rows:
        row.edit(project)
    assert project.planned() == set()


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("row", drawn(SHARE), ids=lambda row: row.name)
def test_every_change_reruns_exactly_what_is_stale(project: Project, row: Row) -> None:
    check(project, row)


@pytest.mark.slow
def test_the_table_of_code_knows_which_stages_a_stage_reads(smoke: Project) -> None:
    results = read_results(smoke.results)
    pairs = {
        (record["stage"], results.records[results.owner[source]]["stage"])
        for record in results.records.values()
        for source in record["inputs"]
        if source in results.owner
    }
    assert len(pairs) > 20
    assert {(stage, other) for stage, other in pairs if other not in READS[stage]} == set()


def test_the_matrix_has_at_least_forty_rows_and_no_two_alike() -> None:
    assert {row.change for row in ROWS} >= set(HANDFUL)
    assert len({row.change for row in ROWS}) == len(ROWS) >= 40


def test_every_row_edits_code_that_is_there() -> None:
    modules = [row.change.split("`")[1] for row in ROWS if row.change.startswith("code `")]
    assert len(modules) > 10
    assert [name for name in modules if not (PACKAGE / name).is_file()] == []


def test_the_page_of_the_matrix_is_in_step() -> None:
    command = "PYTHONPATH=tests:workflow python tests/faults/staleness_page.py"
    assert staleness_page.PAGE.read_text() == staleness_page.page(), f"run {command}"
