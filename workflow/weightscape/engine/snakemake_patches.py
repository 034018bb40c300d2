"""Mends faults of Snakemake 9.27 in the running process; another version stays as it is, with a warning.

Each mend names its reason and the place in 9.27.1, so that it can go when a later version needs it no more.

The last three are for the bundles of the profile for Slurm. A bundle is a group of Snakemake's: one job of Slurm, for
which Snakemake asks what its jobs need side by side within the limits. Then 9.27 with the plugin for Slurm 2.8 runs
them one after the other, each in a Snakemake of its own, since the bundle's Snakemake is told neither that its jobs are
a group nor the limits (issue 469 of the plugin). It also adds up their GPUs.
"""

import functools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import snakemake

from weightscape.engine.processes import workers

VERSION = "9.27."
"""Versions that have the faults and for which the mends were tried."""
MARK = "error: "
"""The start of the line that a program ends with if a user's error ends it."""
TAIL = 10_000
"""Bytes at the end of a log that hold its last line."""
NETWORK = ("fetch",)
"""Rules that may succeed the next time, whatever they said."""
LIMITS = "WEIGHTSCAPE_LIMITS"
"""Names, in the environment of a submitted job, the limits of its head that are each bundle's own."""
GPU = "gpu"


def apply(workflow: Any) -> None:
    """Mend what is to be mended before the rules of `workflow` are read, in a head and in a submitted job alike."""
    mend(take_signals_in_a_thread, "it may hang when it is stopped by SIGTERM")
    mend(leave_users_errors, "it may try a job again that a user's error ended")
    mend(name_who_works_here, "where it names --unlock or --cleanup-metadata, use `weightscape resume`")
    mend(name_groups, "it runs the jobs of a bundle one after the other")
    mend(share_gpus, "a bundle asks for as many GPUs as its jobs would share")
    mend(functools.partial(take_limits, workflow), "it runs the jobs of a bundle without the limits of the profile")


def lift_rate_limit(scheduler: Any) -> None:
    """Take the limit of jobs per second from the scheduler of this run, before its first job.

    Each turn of its loop starts a timer that starts another turn (job_scheduler.py:397), which takes a whole core after
    some 200 jobs. The command line has no value for "no limit", and nothing here starts jobs that fast.
    """

    def lift() -> None:
        _ = scheduler.job_rate_limiter
        scheduler.job_rate_limiter = None

    mend(lift, "it may take a whole core for itself after some 200 jobs")


def take_signals_in_a_thread() -> None:
    """Let the scheduler take note of SIGTERM in a thread of its own.

    Its handler takes a lock that is not reentrant (`exit_gracefully`, job_scheduler.py:574). Signals are handled in the
    main thread, which holds that lock while it finishes jobs: a SIGTERM in such a moment stops Snakemake for ever. No
    option avoids it, and submitted jobs run without the hooks in which another handler could be set.
    """
    from snakemake.scheduling import job_scheduler

    original = job_scheduler.JobScheduler.exit_gracefully

    def exit_gracefully(self: Any, *arguments: Any) -> None:
        threading.Thread(target=original, args=(self, *arguments), daemon=True).start()

    job_scheduler.JobScheduler.exit_gracefully = exit_gracefully


def leave_users_errors() -> None:
    """Let the scheduler take a user's error as final, but for bundles, whose other jobs may still succeed.

    Another attempt has more memory and time (`retries`), which mend no user's error.
    """
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


def name_who_works_here() -> None:
    """Let the errors of a locked folder and of half-made files say who works there, or how to go on.

    Snakemake advises --unlock, which looks for no live owner, and --cleanup-metadata, which takes half-made files for
    whole ones (exceptions.py:446 and 594).
    """

    from snakemake import dag, exceptions  # dag can be imported only after snakemake.workflow

    class Locked(exceptions.LockException):
        def __init__(self) -> None:
            exceptions.WorkflowError.__init__(self, left_by(Path.cwd()))

    class Incomplete(exceptions.IncompleteFilesException):
        def __init__(self, _: object) -> None:
            exceptions.RuleException.__init__(self, left_by(Path.cwd()))

    exceptions.LockException = Locked
    dag.IncompleteFilesException = Incomplete


def left_by(project: Path) -> str:
    """Who makes the results that this start would make, or that a start that was killed left them half made."""
    who = next(workers(project), None)
    if who is not None:
        return f"{who} makes these results in {project}: wait for it, or stop it, before you start again"
    return (
        f"an earlier start in {project} was killed and left half-made results: run `weightscape resume`, which removes "
        "them and goes on"
    )


def name_groups() -> None:
    """Let the plugin tell a bundle's Snakemake the groups, which it then gives to one further Snakemake as a whole."""
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is not None:
        plugin.common_settings.pass_group_args = True


def share_gpus() -> None:
    """Let a bundle ask for the GPUs that one of its jobs needs (`basic_layered`, resources.py:59, adds them up)."""
    from snakemake import resources as of_snakemake

    group: Any = of_snakemake.GroupResources
    asked = group.basic_layered

    def asked_together(toposorted_jobs: Sequence[Sequence[Any]], **options: Any) -> dict[str, str | int]:
        resources = dict(asked(toposorted_jobs=toposorted_jobs, **options))
        if GPU in resources:
            resources[GPU] = max(job.resources.get(GPU, 0) for level in toposorted_jobs for job in level)
        return resources

    group.basic_layered = asked_together


def take_limits(workflow: Any) -> None:
    """Leave the limits of a head that are each bundle's own to its jobs; a submitted Snakemake takes them."""
    if workflow.remote_exec:
        for name, limit in json.loads(os.environ.get(LIMITS, "{}")).items():
            workflow.register_resource(name, limit)
    elif workflow.is_main_process:
        limits = workflow.global_resources.unwrapped_items()
        own = {name: limit for name, limit in limits if workflow.resource_scopes.is_local(name)}
        os.environ[LIMITS] = json.dumps(own)


def mend(change: Callable[[], None], consequence: str) -> None:
    """Carry out one mend, or warn of what follows without it."""
    try:
        if not snakemake.__version__.startswith(VERSION):
            raise AttributeError(f"its version is not {VERSION}x")
        change()
    except (AttributeError, ImportError) as error:
        print(f"warning: Snakemake {snakemake.__version__} is not mended ({error}): {consequence}", file=sys.stderr)
