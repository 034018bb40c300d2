"""Finds who works in a results folder: processes here and jobs in Slurm's queue."""

import shutil
import subprocess
from pathlib import Path

from weightscape.errors import UserError

SLURM_LOGS = Path(".snakemake/slurm_logs")
"""Where Snakemake's Slurm executor keeps the logs of its jobs."""


def check_free(project: Path) -> None:
    """Stop if a process of this machine or a job of the cluster works in the project folder."""
    for who in (*processes(project), *queued(project)):
        raise UserError(f"{who} still works in {project}: wait for it, or stop it, before you resume")


def processes(project: Path) -> list[str]:
    """Processes of Snakemake and of stage programs in the project folder, this one and its parents left out."""
    import psutil

    own = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if process.pid in own or process.status() == psutil.STATUS_ZOMBIE or Path(process.cwd()) != project:
                continue
        except (psutil.Error, OSError):
            continue
        names = [Path(word).name for word in words[:3]]
        if "snakemake" in names or any(word.startswith("weightscape.stages.") for word in words[:4]):
            found.append(f"process {process.pid} ({' '.join(names)})")
    return found


def queued(project: Path) -> list[str]:
    """Slurm jobs of this user that were started in the project folder; nothing where there is no squeue."""
    if shutil.which("squeue") is None:
        return []
    command = ["squeue", "--me", "--noheader", "--format", "%i %Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        if not (project / SLURM_LOGS).exists():  # no job was ever sent from here
            return []
        raise UserError(f"squeue does not answer ({error}): look for queued jobs yourself before you resume") from None
    rows = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return [f"Slurm job {row[0]}" for row in rows if len(row) == 2 and Path(row[1].strip()) == project]
