"""`weightscape cluster`: start or resume a study on a Slurm cluster."""

import argparse
import os
from pathlib import Path

from weightscape.engine import slurm
from weightscape.errors import UserError
from weightscape.verification.dropped_weights import LEAVE

PROFILE = Path("workflow/profiles") / "slurm"


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the study, the profile, and what becomes of the jobs of an earlier start."""
    parser.add_argument("--study", help="a file of workflow/studies without .yaml; default: config.yaml as it is")
    parser.add_argument("--profile", type=Path, default=PROFILE, help=f"folder of the profile, default {PROFILE}")
    parser.add_argument(
        "--left",
        choices=["wait", "cancel"],
        default="wait",
        help="jobs of an earlier start that are still in the queue: wait until they end, or cancel them",
    )
    parser.add_argument("--allow-retraining", action="store_true", help="train runs again whose weights were dropped")
    parser.add_argument("further", nargs="*", help="further arguments of snakemake, after --")


def run(arguments: argparse.Namespace) -> int:
    """Check that the files are there and start the head."""
    difference = Path("workflow/studies") / f"{arguments.study}.yaml" if arguments.study else None
    for path in (arguments.profile / "config.yaml", *([difference] if difference else [])):
        if not path.is_file():
            raise UserError(f"{path} is not there: start in the project's folder, and name a profile and a study")
    if arguments.allow_retraining:
        os.environ[LEAVE] = "1"
    slurm.start_head(arguments.profile, difference, arguments.left, arguments.further)
