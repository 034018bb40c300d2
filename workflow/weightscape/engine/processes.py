"""Finds who works in a project folder: processes of this machine and jobs in Slurm's queue."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError

SENT = (".snakemake/slurm_logs", ".snakemake/head-*.lock")
"""Signs that jobs were sent from a project folder: logs of Snakemake's Slurm executor, the lock of a head."""


@dataclass(frozen=True)
class Queued:
    """One job in Slurm's queue."""

    number: str
    name: str
    state: str


def check_free(project: Path) -> None:
    """Stop if a process of this machine or a job of the cluster works in the project folder."""
    for who in workers(project):
        raise UserError(f"{who} still works in {project}: wait for it, or stop it, before you resume")


def workers(project: Path) -> Iterator[str]:
    """Names every process and every queued job that works in the project folder."""
    yield from (f"process {number} ({name})" for number, name in processes(project).items())
    yield from (f"Slurm job {job.number}" for job in queued(project))


def processes(project: Path) -> dict[int, str]:
    """Processes of Snakemake and of stage programs in the project folder, this one and its parents left out."""
    import psutil

    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    names = {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if process.pid in own or process.status() == psutil.STATUS_ZOMBIE or Path(process.cwd()) != project:
                continue
        except (psutil.Error, OSError):
            continue
        start = [Path(word).name for word in words[:3]]
        if "snakemake" in start or any(word.startswith("weightscape.stages.") for word in words[:4]):
            names[process.pid] = " ".join(start)
    return names


def queued(project: Path) -> list[Queued]:
    """Slurm jobs of this user that were started in the project folder; none where there is no squeue."""
    if shutil.which("squeue") is None:
        return []
    command = ["squeue", "--me", "--noheader", "--format", "%i|%j|%T|%Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        if not any(any(project.glob(sign)) for sign in SENT):
            return []
        reason = (getattr(error, "stderr", None) or str(error)).strip()
        raise UserError(f"squeue does not answer ({reason}): start again when the queue can be looked at") from None
    rows = (line.split("|", 3) for line in done.stdout.splitlines())
    return [Queued(*row[:3]) for row in rows if len(row) == 4 and Path(row[3].strip()).resolve() == project.resolve()]
