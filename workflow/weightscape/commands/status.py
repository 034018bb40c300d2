"""`weightscape status`: what of a study is done, running with its progress, and failed, and the time that is left.

A job is done if its record is there and the study of the given config would make the same now, by settings, code and
what it reads from (`verify` also looks into the files). A log newer than its result belongs to a job that runs, waits
for its turn after an interruption, or failed.
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
from weightscape.verification.check import outdated

LATER = 5
"""Seconds by which the log of a job may end after its result."""
QUIET = 120
"""Seconds without a line after which a job that has not finished counts as stopped."""


def configure(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per stage, the running and failed jobs, and an estimate of the time left."""
    config = load(arguments.config, arguments.configfile)
    results = Path(results_folder(config, arguments.config))
    jobs, stale = list(jobs_of(config, results)), outdated(results, config)
    there = {job for job in jobs if job.record.exists()}
    changed = {job for job in there if str(job.record.relative_to(results)) in stale}
    done = [job for job in jobs if job in there - changed]
    open_jobs = [job for job in jobs if job not in there or job in changed]
    states = {job: state for job in open_jobs if (state := state_of(job))}
    print(f"study {config['study']['name']} in {results}: {len(done)} of {len(jobs)} jobs done")
    for stage in dict.fromkeys(job.rule for job in jobs):
        counts = [sum(job.rule == stage for job in group) for group in (done, jobs, changed)]
        print(f"  {stage:<18}{counts[0]:>6} of {counts[1]}{f', {counts[2]} to be made anew' if counts[2] else ''}")
    for job, (state, detail) in states.items():
        print(f"  {state}: {job.log.stem} ({job.rule}): {detail}")
    if open_jobs:
        print(f"time left: {remaining(done, open_jobs)}")
    return 0


def state_of(job: PlannedJob) -> tuple[str, str] | None:
    """`running`, `failed` or `stopped`, with the progress or the last line of the log; None if no log tells.

    A log older than the result is of the result's own job, and so is one that ended with all of its work done.
    """
    if not job.log.exists():
        return None
    if job.record.exists() and job.log.stat().st_mtime <= job.record.stat().st_mtime + LATER:
        return None
    lines = job.log.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "nothing logged yet")
    found = LINE.search(last)
    if last.startswith(("error:", "Traceback")) or (lines and "Error" in last.split(":")[0]):
        return "failed", last
    if time.time() - job.log.stat().st_mtime > QUIET:
        return None if found and found["done"] == found["total"] else ("stopped", last)
    if found:
        share = int(found["done"]) / max(int(found["total"]), 1)
        return (
            "running",
            f"{share:.0%}, {found['done']} of {found['total']} {found['unit']}, {found['left']} s left",
        )
    return "running", last


def remaining(done: list[PlannedJob], open_jobs: list[PlannedJob]) -> str:
    """An estimate from the median cost of each stage's jobs, made once and stale ones too, and those at once so far."""
    seconds: dict[str, list[float]] = {}
    finished = []
    for job in (*done, *open_jobs):
        spent = read_provenance(job.provenance).get("wall_seconds")
        if spent is not None:
            seconds.setdefault(job.rule, []).append(spent)
            finished.append(job.provenance.stat().st_mtime)
    unknown = {job.rule for job in open_jobs} - set(seconds)
    if not seconds.keys() & {job.rule for job in open_jobs}:
        return "unknown, as no job of these kinds was ever done"
    work = sum(median(seconds[job.rule]) for job in open_jobs if job.rule in seconds)
    at_once = _at_once(done, seconds, finished)
    text = f"{work / at_once / 60:.0f} min with {at_once:.1f} jobs at once"
    if not unknown:
        return f"about {text}"
    jobs = sum(job.rule in unknown for job in open_jobs)
    return f"at least {text}; the {jobs} jobs of {', '.join(sorted(unknown))} are not counted, as none was ever done"


def _at_once(done: list[PlannedJob], seconds: dict[str, list[float]], finished: list[float]) -> float:
    """Mean number of jobs side by side over the time in which the finished ones were made."""
    span = max(finished, default=0.0) - min(finished, default=0.0)
    total = sum(sum(values) for values in seconds.values())
    return min(max(total / span, 1.0), 64.0) if span > 0 and len(done) > 2 else 1.0
