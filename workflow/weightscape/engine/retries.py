"""Keeps Snakemake from trying jobs again that a user's error ended; bundles of jobs are tried again as before.

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
    """Let the scheduler take a user's error as final, but for bundles, whose other jobs may still succeed."""
    from snakemake import jobs
    from snakemake.scheduling import job_scheduler

    started = time.time()
    scheduler: Any = job_scheduler.JobScheduler
    single: Any = jobs.Job
    handle_error, restart_times = scheduler._handle_error, single.restart_times.fget
    at_fault: set[Any] = set()
    single.restart_times = property(lambda job: 0 if job in at_fault else restart_times(job))

    def handle(self: Any, job: Any, **options: Any) -> None:
        sentence = "" if job.is_group() else users_error(job.rule.name, job.log, started)
        if sentence:
            at_fault.add(job)
            print(f"{job.rule.name} is not tried again, since a user's error ended it: {sentence}", file=sys.stderr)
        handle_error(self, job, **options)

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
