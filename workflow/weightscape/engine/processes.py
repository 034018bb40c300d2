"""Finds who works in a project folder, on this machine or in Slurm's queue, and starts Snakemake there again."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError
from weightscape.study import Config
from weightscape.study.config import load, results_folder

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
    """Processes in the project folder, those of Snakemake before stage programs; this one and its parents left out."""
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
        start = [Path(word).name for word in words[:4]]
        if "snakemake" in start[:3] or any(word.startswith("weightscape.stages") for word in words[:4]):
            names[process.pid] = " ".join(start)
    return dict(sorted(names.items(), key=lambda item: "snakemake" not in item[1].split()))


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


def place_of(arguments: argparse.Namespace) -> tuple[Path, Path, Config]:
    """The project folder, which must be the current one and in which nobody works, the results folder and the config.

    The arguments are those of the commands that start Snakemake again.
    """
    project = Path.cwd()
    if arguments.further and not arguments.further[0].startswith("-"):
        raise UserError(
            f"{arguments.further[0]} names no study: it is that of this folder's config.yaml, or of --configfile; "
            "give further arguments of snakemake after --"
        )
    if not (project / "Snakefile").is_file():
        raise UserError(f"{project} has no Snakefile: change to the project's folder")
    config = load(project / "config.yaml", arguments.configfile)
    check_free(project)
    return project, Path(results_folder(config, project / "config.yaml")), config


def left_over(results: Path) -> list[Path]:
    """Temporary files of jobs that were killed while they wrote."""
    return sorted(path for path in results.rglob(".*.tmp") if path.is_file())


def call(
    arguments: argparse.Namespace, *words: str, quiet: bool = False, environment: dict[str, str] | None = None
) -> int:
    """Run Snakemake in the project's folder; returns its exit code."""
    command = [sys.executable, "-m", "snakemake", *words, "--cores", str(arguments.cores)]
    command += ["--configfile", str(arguments.configfile)] if arguments.configfile else []
    command += [word for word in arguments.further if word != "--"]
    done = subprocess.run(command, capture_output=quiet, text=True, env={**os.environ, **(environment or {})})
    if quiet and done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise UserError(f"snakemake {words[0]} failed (exit code {done.returncode}): see its message above")
    return done.returncode
