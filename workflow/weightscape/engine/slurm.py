"""Starts the head of a study on a Slurm cluster, after a look at the site, the queue and the locks of earlier heads."""

import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from weightscape.engine.processes import Queued, processes, queued
from weightscape.engine.profile import Need, written
from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_yaml
from weightscape.study import Config
from weightscape.study.config import load

ENDING = 60.0
"""Seconds that a job which left the queue may take to end."""
SHORTEST_MEMORY = 180
"""Seconds for which Slurm must remember a job that ended: the longest pause between two looks of the executor."""


def start_head(
    profile: Path, difference: Path | None, left: str, further: list[str], needs: Callable[[Config], Mapping[str, Need]]
) -> NoReturn:
    """Look, clear the way, and become the Snakemake that submits the study's jobs.

    A second head is refused. Jobs that a killed head left in the queue are waited for, or cancelled if `left` is
    "cancel", so that no two jobs write one output. Jobs are followed by `sacct` only where the cluster keeps accounts:
    Snakemake's executor would otherwise never see them end. `needs` tells time and memory of a study's largest jobs.
    """
    for tool in ("sbatch", "squeue", "scancel"):
        if not shutil.which(tool):
            raise UserError(f"{tool} is not on the PATH: start on a login node of a Slurm cluster")
    check_site(profile / "config.yaml")
    warn_of_preemption()
    config = load(Path("config.yaml"), difference)
    name = config["study"]["name"]
    study = ["--configfile", str(difference)] if difference else []
    prefix = job_prefix(name)
    if not {"-n", "--dry-run", "--dryrun"} & set(further):
        check_gpu(profile / "config.yaml")
        hold_head(Path(".snakemake") / f"head-{name}.lock", name)
        had_jobs = clear_queue(prefix, left)
        unlock(study, patience=ENDING if had_jobs else 0.0)
    chosen = written(profile, needs(config), Path(".snakemake/weightscape/profiles") / name)
    command = ["snakemake", "--workflow-profile", str(chosen), *study, "--slurm-jobname-prefix", prefix]
    command += ["--slurm-status-command", status_command(), *further]
    print(" ".join(command), flush=True)
    os.execvp(command[0], command)


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


def warn_of_preemption() -> None:
    """Warn of partitions that end a job which others want: it is never queued again, and a head waits for it."""
    if not shutil.which("scontrol"):
        return
    shown = subprocess.run(["scontrol", "show", "partition", "--oneliner"], capture_output=True, text=True).stdout
    if ending := re.findall(r"PartitionName=(\S+) .*\bPreemptMode=\S*CANCEL", shown):
        print(
            f"warning: jobs that the partition {', '.join(ending)} takes back for others are ended and not queued "
            "again (PreemptMode = CANCEL), and a head waits for them for ever: name another slurm_partition, or start "
            "the head again when it stands still",
            file=sys.stderr,
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


PROBE = """
try:
    import torch
    torch.zeros(1, device="cuda")
    print("gpu: works")
except Exception as error:
    print("gpu:", *(str(error).splitlines() or [repr(error)])[:1])
"""
"""Says, on one line, whether torch can compute on the GPU that its job was given, or why not."""


def check_gpu(profile: Path) -> None:
    """The first rule of the profile that asks for a GPU must be able to use it, as a job of a minute tells.

    Nothing is told where no GPU is asked for, none is free at once, or WEIGHTSCAPE_DEVICE names the CPU.
    """
    settings = read_yaml(profile)
    rules = settings.get("set-resources") or {}
    asked = next((row for row in rules.values() if isinstance(row, dict) and row.get("gpu")), None)
    if asked is None or os.environ.get("WEIGHTSCAPE_DEVICE") == "cpu" or not shutil.which("srun"):
        return
    defaults = settings.get("default-resources")
    site = (defaults if isinstance(defaults, dict) else {}) | asked
    names = {"slurm_partition": "partition", "slurm_account": "account"}
    options = [f"--{option}={site[name]}" for name, option in names.items() if site.get(name)]
    model = f"{site['gpu_model']}:1" if site.get("gpu_model") else "1"
    command = ["srun", "--immediate=60", "--ntasks=1", "--time=5", "--mem=4000", f"--gpus={model}", *options]
    try:
        done = subprocess.run([*command, sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=400)
    except subprocess.TimeoutExpired:
        return
    found = re.search(r"^gpu: (.+)$", done.stdout, re.MULTILINE)
    if found is None:
        print("no GPU could be tried at once: its first job will tell whether torch can use it", flush=True)
    elif found[1] != "works":
        raise UserError(
            f"torch cannot use the GPUs of this cluster ({found[1].rstrip('.')}): mend that (a driver below 580 needs "
            "the packages of `make cluster CUDA=12`), or set WEIGHTSCAPE_DEVICE=cpu"
        )


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
    jobs = jobs_called(prefix)
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
    while jobs_called(prefix):
        time.sleep(pause)
    return True


def jobs_called(prefix: str) -> list[Queued]:
    """The jobs of this folder in the queue whose names begin with the prefix."""
    return [job for job in queued(Path.cwd()) if re.fullmatch(rf"{re.escape(prefix)}_[0-9a-f-]+", job.name)]


def unlock(study: list[str], patience: float = 0.0) -> None:
    """Remove the locks of a head that was killed, unless others work in this folder, whose locks they may be.

    Others have `patience` seconds to end: a job that left the queue may still be ending on this machine.
    """
    locks = Path(".snakemake/locks")
    if not locks.is_dir() or not any(locks.iterdir()):
        return
    last = time.monotonic() + patience
    while (others := processes(Path.cwd())) and time.monotonic() < last:
        time.sleep(1)
    if others:
        print(f"the locks of this folder are left alone, since process {min(others)} works in it", flush=True)
        return
    print("removing the locks of an earlier start that was killed", flush=True)
    subprocess.run(["snakemake", "--unlock", *study], check=True, stdout=subprocess.DEVNULL)


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
