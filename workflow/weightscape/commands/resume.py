"""`weightscape resume`: continue a study after a crash, a kill or a power cut."""

import argparse
import os
from pathlib import Path

from weightscape.engine.processes import call, left_over, place_of
from weightscape.verification.dropped_weights import LEAVE


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-retraining", action="store_true", help="train runs again whose weights were dropped")
    add_run_arguments(parser)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that starts the workflow engine."""
    parser.add_argument("--configfile", type=Path, help="a study's difference from config.yaml")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="jobs side by side (default: all cores)")
    parser.add_argument("further", nargs=argparse.REMAINDER, help="after --: further arguments of snakemake")


def run(arguments: argparse.Namespace) -> int:
    """Look for a live owner, clear what a killed one left, and run."""
    _, results, _ = place_of(arguments)
    for path in left_over(results):
        path.unlink()
        print(f"removed {path}, half written by a killed job")
    call(arguments, "--unlock", quiet=True)
    leave = {LEAVE: "1"} if arguments.allow_retraining else {}
    return call(arguments, "--rerun-incomplete", environment=leave)
