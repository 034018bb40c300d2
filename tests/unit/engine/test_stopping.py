"""SIGTERM while Snakemake's main thread holds its lock."""

import subprocess
import sys

import pytest

from weightscape.project import ROOT

PROGRAM = """
import os, signal, threading, time
from snakemake.scheduling.job_scheduler import JobScheduler
from weightscape import stopping

stopping.in_own_thread(JobScheduler)
scheduler = JobScheduler.__new__(JobScheduler)
scheduler._lock, scheduler._open_jobs, scheduler._user_kill = threading.Lock(), threading.Semaphore(0), None
signal.signal(signal.SIGTERM, scheduler.exit_gracefully)
with scheduler._lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    assert scheduler._user_kill is None
assert scheduler._open_jobs.acquire(timeout=20)
print(scheduler._user_kill)
"""


@pytest.mark.process
def test_a_signal_while_the_lock_is_held_is_noted_when_it_is_free() -> None:
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "graceful"
