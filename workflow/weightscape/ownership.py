"""Who works on a project folder, and which of its results the workflow engine knows.

Snakemake tells a changed setting only from its own metadata (`.snakemake`, relative to the project folder). Results
that came without it would count as done for ever, so that they are refused until `weightscape adopt` has checked
them by their records.
"""

import json
import os
import shutil
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

from weightscape.errors import UserError
from weightscape.files import files_below, read_json
from weightscape.jobs import expected
from weightscape.packing import packed
from weightscape.places import job_of
from weightscape.records import STAGE_FOLDER, read_record
from weightscape.study import Config

ADOPTING = "WEIGHTSCAPE_ADOPTING"
"""Set in the environment while `weightscape adopt` writes the metadata that is missing."""
LONGEST_NAME = 254
"""Bytes of a file name in Snakemake's metadata; longer names are split into folders."""
SLURM_LOGS = Path(".snakemake/slurm_logs")
"""Where Snakemake's Slurm executor keeps the logs of its jobs."""


def check_known(results: Path, project: Path, config: Config) -> None:
    """Stop if the project's results folder holds results of the study that Snakemake does not know."""
    found = [] if ADOPTING in os.environ else list(unknown(results, project))
    if found and (found := sorted(expected(config).intersection(found))):
        raise UserError(
            f"{results} holds {len(found)} results without Snakemake's metadata, or with that of others (the first: "
            f"{found[0]}), so that it could not tell which are stale: run `weightscape adopt`, or move them away"
        )


def unknown(results: Path, project: Path) -> Iterator[str]:
    """Places of the records below `results` (relative to the project) for which Snakemake has no metadata, or that of
    a job with other settings or code: results that were copied over those that it made."""
    for folder in sorted((project / results).glob("[1-8]_*")):
        if not STAGE_FOLDER.match(folder.name):
            continue
        for path in files_below(folder):
            place = str(path.relative_to(project / results))
            if path.suffix == ".json" and job_of(place) and not _is_known(path, f"{results}/{place}", project):
                yield place


def _is_known(record: Path, output: str, project: Path) -> bool:
    """Whether Snakemake has metadata of the job that a record names, or a mark that its output was being made."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[at : at + LONGEST_NAME] for at in range(0, len(name), LONGEST_NAME)]
    path = Path(*(f"@{part}" for part in parts[:-1]), parts[-1])
    known = project / ".snakemake"
    if (known / "incomplete" / path).exists():
        return True
    try:
        params = read_json(known / "metadata" / path)["params"]
    except (UserError, OSError, KeyError, TypeError):
        return False
    try:
        made = read_record(record)
    except UserError:  # whoever reads it says so
        return True
    return {repr(made["code"]), repr(packed(json.dumps(made["settings"], sort_keys=True)))}.issubset(params)


def check_writable(outputs: Iterable[str]) -> None:
    """Stop if a folder that the outputs go to cannot be written; of one that is not there yet, its first parent."""
    for folder in sorted({Path(path).parent for path in outputs}):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(f"{there} cannot be written (permission denied): make it writable, as by chmod u+w")


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
