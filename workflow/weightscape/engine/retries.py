"""Keeps Snakemake from trying jobs again that a user's error ended, and from losing a bundle to one of its jobs.

Another attempt has more memory and time, which mend no user's error. A stage program ends with one as the last line of
its log, `error: ...`. Rules that need the network may succeed the next time, whatever they said.
"""

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MARK = "error: "
"""The start of the line that a program ends with."""
TAIL = 10_000
"""Bytes at the end of a log that hold its last line."""
NETWORK = ("fetch",)


def leave_users_errors() -> None:
    """Let the scheduler take a user's error as final; the other jobs of its bundle are each started alone."""
    from snakemake import jobs
    from snakemake.scheduling import job_scheduler

    started = time.time()
    scheduler: Any = job_scheduler.JobScheduler
    single: Any = jobs.Job
    bundled: Any = jobs.GroupJob
    handle_error, restart_times = scheduler._handle_error, single.restart_times.fget
    at_fault: set[Any] = set()
    single.restart_times = property(lambda job: 0 if job in at_fault else restart_times(job))
    bundled.restart_times = property(
        lambda group: 0 if at_fault.intersection(group.jobs) else max(job.restart_times for job in group.jobs)
    )

    def handle(self: Any, job: Any, **options: Any) -> None:
        members = job.jobs if job.is_group() else [job]
        for member in members:
            sentence = users_error(member.rule.name, member.log, started)
            if sentence:
                at_fault.add(member)
                print(
                    f"{member.rule.name} is not tried again, since a user's error ended it: {sentence}", file=sys.stderr
                )
        handle_error(self, job, **options)
        if job.is_group() and not at_fault.isdisjoint(members):
            _part(self, job, at_fault)

    scheduler._handle_error = handle


def users_error(rule: str, logs: Iterable[str], since: float) -> str:
    """The sentence of a user's error that the log of a job ends with, if it was written since a time; else empty."""
    lines = ["" if rule in NETWORK else _last_line(Path(log), since) for log in logs]
    return next((line.removeprefix(MARK) for line in lines if line.startswith(MARK)), "")


def _last_line(log: Path, since: float) -> str:
    try:
        with log.open("rb") as stream:
            size, written = os.fstat(stream.fileno()).st_size, os.fstat(stream.fileno()).st_mtime
            stream.seek(max(0, size - TAIL))
            text = stream.read().decode(errors="replace") if written >= since else ""
    except OSError:
        return ""
    return text.rstrip().rpartition("\n")[2]


def _part(scheduler: Any, bundle: Any, at_fault: set[Any]) -> None:
    """Put each job of a bundle that failed into a bundle of its own; those that are not at fault are ready again."""
    dag = scheduler.workflow.dag
    for job in bundle.jobs:
        alone = dag.group_job_factory.new(job.group, [job], scheduler.workflow.global_resources)
        alone.finalize()
        dag._group[job] = alone
    scheduler.failed.discard(bundle)
    scheduler.failed.update(at_fault.intersection(bundle.jobs))
    dag.update_ready([job for job in bundle.jobs if job not in at_fault])
