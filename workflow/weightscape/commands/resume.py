"""`weightscape resume`: continue a study after a crash, a kill or a power cut."""

import argparse
import os
from pathlib import Path

from weightscape.engine import processes
from weightscape.engine.run import call, left_over, place_of

HELP = "continue a study after a crash, when nobody works on it any more"


def configure(parser: argparse.ArgumentParser) -> None:
    """The study, the number of cores, and what else Snakemake should be told."""
    add_run_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that starts Snakemake."""
    parser.add_argument("--configfile", type=Path, help="a study's difference from config.yaml")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="jobs side by side (default: all cores)")
    parser.add_argument("snakemake", nargs=argparse.REMAINDER, help="after --: further arguments of snakemake")


def run(arguments: argparse.Namespace) -> int:
    """Look for a live owner, clear what a killed one left, and run."""
    project, results = place_of(arguments)
    processes.check_free(project)
    for path in left_over(results):
        path.unlink()
        print(f"removed {path}, half written by a killed job")
    call(arguments, "--unlock", quiet=True)
    return call(arguments, "--rerun-incomplete")
