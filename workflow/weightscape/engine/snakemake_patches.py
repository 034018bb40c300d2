"""Mends faults of Snakemake 9.27 in the running process; another version stays as it is, with a warning.

Each mend names its reason and the place in 9.27.1, so that it can go when a later version needs it no more.

The last four are for the bundles of the profile for Slurm. A bundle is a group of Snakemake's: one job of Slurm, for
which Snakemake asks what its jobs need side by side within the limits. Then 9.27 with the plugin for Slurm 2.8 runs
them one after the other, each in a Snakemake of its own, since the bundle's Snakemake is told neither that its jobs are
a group nor the limits (issue 469 of the plugin). It also adds up their GPUs, and loses all of them where one fails.
"""

import atexit
import concurrent.futures
import functools
import json
import os
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import snakemake

from weightscape.engine.processes import workers
from weightscape.errors import UserError
from weightscape.formats.writing import digest

VERSION = "9.27."
"""Versions that have the faults and for which the mends were tried."""
TAIL = 10_000
"""Bytes at the end of a log that hold its last line."""
NETWORK = ("fetch",)
"""Rules that may succeed the next time, whatever they said."""
NOTES = "WEIGHTSCAPE_FINISHED"
"""Names, in the environment of a submitted job, the folder of its head's notes on the jobs of bundles that ended."""
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
    mend(functools.partial(keep_finished, workflow), "a job that fails takes its bundle down")


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
    """Let the scheduler take a user's error as final; `keep_finished` does so for the jobs of bundles.

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
    return next((line.removeprefix(UserError.MARK) for line in lines if line.startswith(UserError.MARK)), "")


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


def keep_finished(workflow: Any) -> None:
    """Let what the finished jobs of a bundle made stay when another one fails, and try only the others again.

    Each of the three Snakemakes that a bundle runs in (head, job of Slurm, step) deletes what any of its jobs made
    (`GroupJob.postprocess`, jobs.py:1637), and the head submits all of them again, or none. So a job of a bundle that
    ends well leaves a note, by which all three know it; one that Slurm starts again goes on after the jobs with a note.
    """
    from snakemake import jobs
    from snakemake.executors import local
    from snakemake.scheduling import job_scheduler

    if workflow.is_main_process and not workflow.remote_exec:
        os.environ[NOTES] = str(Path(".snakemake").resolve() / "weightscape" / f"finished-{uuid.uuid4().hex}")
        atexit.register(shutil.rmtree, os.environ[NOTES], ignore_errors=True)
    if NOTES not in os.environ:
        return
    single: Any = jobs.Job
    scheduler: Any = job_scheduler.JobScheduler
    started = time.time()
    clear, end, handle_error = single.remove_existing_output, single.postprocess, scheduler._handle_error
    executor: Any = local.Executor
    run = executor.run_single_job
    earlier = set(Path(os.environ[NOTES]).glob("*")) if workflow.remote_exec else set()

    def run_single_job(self: Any, job: Any) -> Any:
        if _note(job) not in earlier or not is_finished(job):
            return run(self, job)
        (done := concurrent.futures.Future[None]()).set_result(None)
        return done

    async def remove_existing_output(job: Any) -> None:
        _note(job).unlink(missing_ok=True)
        await clear(job)

    async def postprocess(job: Any, *arguments: Any, error: bool = False, **options: Any) -> None:
        failed = error and not is_finished(job)
        await end(job, *arguments, error=failed, **options)
        if not failed and workflow.remote_exec:
            _note(job).parent.mkdir(parents=True, exist_ok=True)
            _note(job).touch()

    def handle(self: Any, job: Any, postprocess_job: bool = True) -> None:
        members = list(job.jobs) if job.is_group() and not workflow.remote_exec else []
        finished = [member for member in members if is_finished(member)]
        others = {one: users_error(one.rule.name, one.log, started) for one in members if one not in finished}
        if not finished and not any(others.values()):
            handle_error(self, job, postprocess_job=postprocess_job)
            return
        if postprocess_job:
            self.workflow.async_run(job.postprocess(error=True))
        part(self, job, finished, others)

    single.remove_existing_output, single.postprocess = remove_existing_output, postprocess
    scheduler._handle_error, executor.run_single_job = handle, run_single_job


def is_finished(job: Any) -> bool:
    """Whether a job of a bundle ended well, and what it made is there."""
    return _note(job).exists() and all(Path(path).exists() for path in job.output)


def _note(job: Any) -> Path:
    return Path(os.environ[NOTES]) / digest([job.rule.name, *map(str, job.output)])


def part(scheduler: Any, bundle: Any, finished: list[Any], faults: dict[Any, str]) -> None:
    """Part a bundle that failed into jobs that are finished, jobs that a user's error ended, and jobs to try again.

    `faults` has the sentence of each job that is not finished, empty if there is none. Where a user's error stopped
    the bundle, the attempt of the others does not count. The steps are those of `_handle_error` and `_finish_jobs`.
    """
    dag = scheduler.workflow.dag

    def of(members: Iterable[Any]) -> Any:
        # not by the factory of Snakemake, whose cached groups were merged since
        chosen = type(bundle)(bundle.groupid, frozenset(members), scheduler.workflow.global_resources)
        chosen.finalize()
        dag._group.update(dict.fromkeys(chosen.jobs, chosen))
        return chosen

    def fail(failed: Any) -> None:
        scheduler._errors = True
        scheduler.failed.add(failed)
        dag._running.add(failed)  # as Snakemake leaves it, so that nothing makes it ready again

    scheduler.get_executor(bundle).handle_job_error(bundle)
    scheduler.running.remove(bundle)
    scheduler._free_resources(bundle)
    dag._running.discard(bundle)
    if faulty := [member for member, sentence in faults.items() if sentence]:
        fail(of(faulty))
        for member in faulty:
            print(
                f"{member.rule.name} is not tried again, since a user's error ended it: {faults[member]}",
                file=sys.stderr,
            )
    if others := [member for member, sentence in faults.items() if not sentence]:
        again = of(others)
        if faulty or again.restart_times > bundle.attempt - 1:
            again.attempt = bundle.attempt + (not faulty)
            dag._ready_jobs.add(again)
        else:
            fail(again)
    if finished:
        done = of(finished)
        scheduler.finished_jobs += len(done)
        dag._running.add(done)
        scheduler.workflow.async_run(dag.finish(done, update_checkpoint_dependencies=False))


def mend(change: Callable[[], None], consequence: str) -> None:
    """Carry out one mend, or warn of what follows without it."""
    try:
        if not snakemake.__version__.startswith(VERSION):
            raise AttributeError(f"its version is not {VERSION}x")
        change()
    except (AttributeError, ImportError) as error:
        print(f"warning: Snakemake {snakemake.__version__} is not mended ({error}): {consequence}", file=sys.stderr)
