"""`weightscape status`: what of a study is done, running with its progress, and failed, and the time that is left.

Read from the results folder alone: manifests and figures say what is done; a log without its result belongs to a job
that runs, waits for its turn after an interruption, or failed.
"""

import argparse
import time
from pathlib import Path
from statistics import median

from weightscape.commands.settings import add_config_arguments
from weightscape.progress import LINE
from weightscape.provenance.records import read_provenance
from weightscape.study.config import load, results_folder
from weightscape.study.jobs import PlannedJob, jobs_of

QUIET = 120
"""Seconds without a line after which a job that has not finished counts as stopped."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name the study."""
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per stage, the running and failed jobs, and an estimate of the time left."""
    config = load(arguments.config, arguments.configfile)
    results = Path(results_folder(config, arguments.config))
    jobs = list(jobs_of(config, results))
    done = [job for job in jobs if job.record.exists()]
    open_jobs = [job for job in jobs if not job.record.exists()]
    states = {job: state_of(job) for job in open_jobs if job.log.exists()}
    print(f"study {config['study']['name']} in {results}: {len(done)} of {len(jobs)} jobs done")
    for stage in dict.fromkeys(job.rule for job in jobs):
        counts = [sum(job.rule == stage for job in group) for group in (done, jobs)]
        print(f"  {stage:<18}{counts[0]:>6} of {counts[1]}")
    for job, (state, detail) in states.items():
        print(f"  {state}: {job.log.stem} ({job.rule}): {detail}")
    if open_jobs:
        print(f"time left: {remaining(done, open_jobs)}")
    return 0


def state_of(job: PlannedJob) -> tuple[str, str]:
    """`running`, `failed` or `stopped`, with the progress or the last line of the log."""
    lines = job.log.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "nothing logged yet")
    found = LINE.search(last)
    if last.startswith(("error:", "Traceback")) or (lines and "Error" in last.split(":")[0]):
        return "failed", last
    if time.time() - job.log.stat().st_mtime > QUIET:
        return "stopped", last
    if found:
        share = int(found["done"]) / max(int(found["total"]), 1)
        return (
            "running",
            f"{share:.0%}, {found['done']} of {found['total']} {found['unit']}, {found['left']} s left",
        )
    return "running", last


def remaining(done: list[PlannedJob], open_jobs: list[PlannedJob]) -> str:
    """An estimate from the median cost of each stage's finished jobs and the speed of the last half hour."""
    seconds: dict[str, list[float]] = {}
    finished = []
    for job in done:
        spent = read_provenance(job.provenance).get("wall_seconds")
        if spent is not None:
            seconds.setdefault(job.rule, []).append(spent)
            finished.append(job.provenance.stat().st_mtime)
    unknown = {job.rule for job in open_jobs} - set(seconds)
    work = sum(median(seconds[job.rule]) for job in open_jobs if job.rule in seconds)
    at_once = _at_once(done, seconds, finished)
    text = f"about {work / at_once / 60:.0f} min with {at_once:.1f} jobs at once"
    return text + (f", not counting {', '.join(sorted(unknown))}" if unknown else "")


def _at_once(done: list[PlannedJob], seconds: dict[str, list[float]], finished: list[float]) -> float:
    """Mean number of jobs side by side over the time in which the finished ones were made."""
    span = max(finished, default=0.0) - min(finished, default=0.0)
    total = sum(sum(values) for values in seconds.values())
    return min(max(total / span, 1.0), 64.0) if span > 0 and len(done) > 2 else 1.0
