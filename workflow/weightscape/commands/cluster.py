"""`weightscape cluster`: start or resume a study on a Slurm cluster.

What Snakemake does not do by itself: a second head is refused; jobs that a killed head left in the queue are waited
for (or cancelled) before the study is resumed, so that no two jobs write one output; and jobs are followed with
`sacct` only where the cluster keeps accounts, since it would otherwise never see them end.
"""

import argparse
import os
import shutil
from pathlib import Path

from weightscape.engine.slurm import ENDING, check_site, clear_queue, hold_head, job_prefix, status_command, unlock
from weightscape.errors import UserError
from weightscape.study.config import load

HELP = "start or resume a study on a Slurm cluster"
PROFILE = Path("workflow/profiles/slurm")


def configure(parser: argparse.ArgumentParser) -> None:
    """Which study, which profile, and what becomes of the jobs of an earlier start."""
    parser.add_argument("--study", help="a file of workflow/studies without .yaml; default: config.yaml as it is")
    parser.add_argument("--profile", type=Path, default=PROFILE, help=f"folder of the profile, default {PROFILE}")
    parser.add_argument(
        "--left",
        choices=["wait", "cancel"],
        default="wait",
        help="jobs of an earlier start that are still in the queue: wait until they end, or cancel them",
    )
    parser.add_argument("snakemake", nargs="*", help="further arguments for snakemake, after --")


def run(arguments: argparse.Namespace) -> int:
    """Look, clear the way, and become Snakemake."""
    difference = Path("workflow/studies") / f"{arguments.study}.yaml" if arguments.study else None
    for path in (arguments.profile / "config.yaml", *([difference] if difference else [])):
        if not path.is_file():
            raise UserError(f"{path} is not there: start in the project's folder, and name a profile and a study")
    for tool in ("sbatch", "squeue", "scancel"):
        if not shutil.which(tool):
            raise UserError(f"{tool} is not on the PATH: start on a login node of a Slurm cluster")
    check_site(arguments.profile / "config.yaml")
    name = load(Path("config.yaml"), difference)["study"]["name"]
    study = ["--configfile", str(difference)] if difference else []
    prefix = job_prefix(name)
    if not {"-n", "--dry-run", "--dryrun"} & set(arguments.snakemake):
        hold_head(Path(".snakemake") / f"head-{name}.lock", name)
        had_jobs = clear_queue(prefix, arguments.left)
        unlock(study, patience=ENDING if had_jobs else 0.0)
    command = ["snakemake", "--workflow-profile", str(arguments.profile), *study, "--slurm-jobname-prefix", prefix]
    command += ["--slurm-status-command", status_command(), *arguments.snakemake]
    print(" ".join(command), flush=True)
    os.execvp(command[0], command)
