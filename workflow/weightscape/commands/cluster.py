"""`weightscape cluster`: start or resume a study on a Slurm cluster."""

import argparse
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from weightscape.engine import slurm
from weightscape.errors import UserError
from weightscape.study import Config
from weightscape.verification.dropped_weights import LEAVE

if TYPE_CHECKING:
    from weightscape.costs.needs import Need

PROFILE = Path("workflow/profiles") / "slurm"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", help="a file of workflow/studies without .yaml; default: config.yaml as it is")
    parser.add_argument("--profile", type=Path, default=PROFILE, help=f"folder of the profile, default {PROFILE}")
    parser.add_argument(
        "--left",
        choices=["wait", "cancel"],
        default="wait",
        help="jobs of an earlier start that are still in the queue: wait until they end, or cancel them",
    )
    parser.add_argument("--measured", type=Path, help="results of a pilot, whose jobs tell the rates of this cluster")
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
    slurm.start_head(
        arguments.profile,
        difference,
        arguments.left,
        arguments.further,
        functools.partial(needs_of, measured=arguments.measured),
    )


def needs_of(config: Config, measured: Path | None) -> "dict[str, Need]":
    """Time and memory of a study's largest jobs; none, with a note, if the sizes of its data sets are not known."""
    if config["study"]["start"] == "tables":
        return {}
    from weightscape.commands.cost import ASSUMED, assumptions
    from weightscape.costs.measured import calibrated
    from weightscape.costs.needs import needs

    try:
        assumed = assumptions(ASSUMED)
        return needs(config, calibrated(assumed, measured)[0] if measured else assumed)
    except UserError as error:
        print(f"note: jobs ask for the time and memory of the profile, as their cost is not known: {error}", flush=True)
        return {}
