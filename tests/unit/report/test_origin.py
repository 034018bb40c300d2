"""Times and versions of a job, on which nothing depends: what cannot be read of them is left out."""

from pathlib import Path

import pytest

from weightscape.commands.status import remaining
from weightscape.provenance.records import read_provenance
from weightscape.report import origin
from weightscape.study.jobs import Job


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"wall_seconds": 2, "cpu_seconds": 1.5, "host": "a"}', {"wall_seconds": 2, "cpu_seconds": 1.5, "host": "a"}),
        ('{"wall_seconds": null, "peak_memory_mb": "much", "host": "a"}', {"host": "a"}),
        ('{"versions": ["numpy"], "energy_joules": []}', {}),
        ("[]", {}),
        ("{", {}),
        ("\udcff", {}),
        (None, {}),
    ],
)
def test_what_cannot_be_read_is_left_out(text: str | None, known: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    if text is not None:
        path.write_bytes(text.encode(errors="surrogateescape"))
    assert read_provenance(path) == known


def test_the_time_left_is_told_from_the_jobs_whose_times_are_known(tmp_path: Path) -> None:
    texts = ['{"wall_seconds": 60}', "[]", '{"wall_seconds": null}', "{"]
    jobs = [Job("finetune", tmp_path, tmp_path, tmp_path / f"{number}.json") for number in range(len(texts))]
    for job, text in zip(jobs, texts, strict=True):
        job.provenance.write_text(text)
    assert remaining(jobs, jobs[:2]) == "about 2 min with 1.0 jobs at once"


@pytest.mark.parametrize("text", ["[]", "{", '{"stages": null}', '{"stages": 3}'])
def test_a_page_shows_the_costs_that_are_known(text: str, tmp_path: Path) -> None:
    (tmp_path / "aggregate.provenance.json").write_text(text)
    assert [row["stage"] for row in origin.stages(tmp_path)] == ["aggregate"]
