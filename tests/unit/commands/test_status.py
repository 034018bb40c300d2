"""The time that a study has left, from the provenance of its finished jobs."""

from pathlib import Path

from weightscape.commands.status import remaining
from weightscape.study.jobs import PlannedJob


def test_the_time_left_is_told_from_the_jobs_whose_times_are_known(tmp_path: Path) -> None:
    texts = ['{"wall_seconds": 60}', "[]", '{"wall_seconds": null}', "{"]
    jobs = [PlannedJob("finetune", tmp_path / f"{number}.json", tmp_path) for number in range(len(texts))]
    for job, text in zip(jobs, texts, strict=True):
        job.provenance.write_text(text)
    assert remaining(jobs, jobs[:2]) == "about 2 min with 1.0 jobs at once"
