"""Talks to Slurm: the site's partitions, the queue and the head's lock."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml

ENDING = 60.0
"""Seconds that a job which left the queue may take to end."""
SHORTEST_MEMORY = 180
"""Seconds for which Slurm must remember a job that ended: the longest pause between two looks of the executor."""


@dataclass(frozen=True)
class Queued:
    """One job in the queue."""

    number: str
    state: str
    comment: str


def check_site(profile: Path) -> None:
    """Partitions and kinds of GPUs that the profile names must be there.

    The executor does not pass on why Slurm refuses a bundle of jobs. What `sinfo` does not tell is not looked up.
    """
    settings = read_yaml(profile)
    asked = {"default-resources": settings.get("default-resources")} | (settings.get("set-resources") or {})
    for resource, column in (("slurm_partition", "%R"), ("gpu_model", "%G")):
        known = _told_by_sinfo(column)
        for rule, values in asked.items():
            name = values.get(resource) if isinstance(values, dict) else None
            if name is not None and known and str(name) not in known:
                raise UserError(
                    f"{profile}: {resource} = {name!r} of {rule} is not on this cluster; it has "
                    f"{', '.join(sorted(known - {''})) or 'none that has a name'}: correct it"
                )


def _told_by_sinfo(column: str) -> set[str]:
    """Partitions (`%R`), or models of GPUs (`%G`, as gpu:a100:4(S:0)); '' stands for GPUs without a model."""
    if not shutil.which("sinfo"):
        return set()
    done = subprocess.run(["sinfo", "--noheader", "--format", column], capture_output=True, text=True)
    found = {word for line in done.stdout.split() for word in line.split(",")}
    if column == "%R":
        return found
    parts = [word.partition("(")[0].split(":") for word in found if word.startswith("gpu:")]
    return {part[1] if len(part) == 3 or not part[1].isdigit() else "" for part in parts}


def job_prefix(study: str) -> str:
    """The start of the names of a study's jobs, in the characters and length that the executor allows."""
    return "weightscape-" + re.sub(r"[^a-zA-Z0-9_-]", "-", study)[:38]


def hold_head(path: Path, study: str) -> None:
    """Take the lock of the study's only head, for as long as this process or the Snakemake that it becomes lives."""
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = path.read_text().strip() or "another process"
        raise UserError(f"study {study} is already being run by {owner}: let it work, or stop it first") from None
    except OSError as error:
        print(f"warning: no locks on this file system ({error.strerror}): see to it that no other head runs")
    os.truncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    os.set_inheritable(descriptor, True)


def clear_queue(prefix: str, left: str, pause: float = 5.0) -> bool:
    """Return when no job of an earlier start is in the queue any more; whether there were any."""
    jobs = queued(prefix)
    if not jobs:
        return False
    numbers = [job.number for job in jobs]
    waiting = sum(job.state == "PENDING" for job in jobs)
    print(
        f"{len(jobs)} jobs of an earlier start are still in the queue, {waiting} of them have not begun:"
        f" {' '.join(numbers)}"
    )
    if left == "cancel":
        subprocess.run(["scancel", *numbers], check=True)
    else:
        print("waiting until they end; to resume at once and lose their work, scancel them", flush=True)
    while queued(prefix):
        time.sleep(pause)
    return True


def queued(prefix: str) -> list[Queued]:
    """The jobs of this folder in the queue whose names begin with the prefix."""
    form = "%i|%j|%T|%Z|%k"
    done = subprocess.run(["squeue", "--me", "--noheader", "--format", form], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"squeue fails ({done.stderr.strip()}): resume when the queue can be looked at")
    rows = [line.split("|", 4) for line in done.stdout.splitlines()]
    here = Path.cwd().resolve()
    return [
        Queued(number, state, comment)
        for number, job, state, folder, comment in rows
        if re.fullmatch(rf"{re.escape(prefix)}_[0-9a-f-]+", job) and Path(folder).resolve() == here
    ]


def unlock(study: list[str], patience: float = 0.0) -> None:
    """Remove the locks of a head that was killed, unless others work in this folder, whose locks they may be.

    Others have `patience` seconds to end: a job that left the queue may still be ending on this machine.
    """
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    last = time.monotonic() + patience
    while (others := snakemakes_here()) and time.monotonic() < last:
        time.sleep(1)
    if others:
        print(f"the locks of this folder are left alone, since process {others[0]} works in it", flush=True)
        return
    print("removing the locks of an earlier start that was killed", flush=True)
    subprocess.run(["snakemake", "--unlock", *study], check=True, stdout=subprocess.DEVNULL)


def snakemakes_here() -> list[int]:
    """Other processes of this machine that run Snakemake, or a stage that it left behind, in this folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        working = "snakemake" in words or "weightscape.stages." in words
        if process.info["pid"] != os.getpid() and process.info["cwd"] == str(Path.cwd()) and working:
            found.append(process.info["pid"])
    return found


def status_command() -> str:
    """`sacct` where the cluster keeps accounts, else `squeue`."""
    if shutil.which("sacct") and not subprocess.run(["sacct", "-X", "--noheader"], capture_output=True).returncode:
        return "sacct"
    shown = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True).stdout
    found = re.search(r"^MinJobAge\s*=\s*(\d+)", shown, re.MULTILINE)
    if found and int(found[1]) < SHORTEST_MEMORY:
        print(
            f"warning: this cluster keeps no accounts and forgets a job {found[1]} s after its end (MinJobAge), "
            f"so that an end may be missed: ask for {SHORTEST_MEMORY} s or more",
            file=sys.stderr,
        )
    return "squeue"
