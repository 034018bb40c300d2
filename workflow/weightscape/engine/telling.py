"""What Snakemake shows of a fault on the terminal, where it would show less (9.27.1)."""

import logging
from collections.abc import Callable
from typing import Any


def logs_of_failed_jobs(logger: logging.Logger) -> None:
    """Show the log of a job that failed, as `--show-failed-logs` does: it ends in the sentence that says what to do."""
    for handler in logger.handlers:
        if hasattr(handler.formatter, "show_failed_logs"):
            vars(handler.formatter)["show_failed_logs"] = True


def in_dry_runs(scheduler: Any, check: Callable[[list[Any]], None]) -> None:
    """Let `check` see the planned jobs at the end of a dry run; `onstart` is called by real runs alone."""
    schedule = scheduler.schedule

    def scheduled(self: Any) -> Any:
        jobs = list(self.workflow.dag.needrun_jobs()) if self.dryrun else []
        done = schedule(self)
        if self.dryrun:
            check(jobs)
        return done

    scheduler.schedule = scheduled
