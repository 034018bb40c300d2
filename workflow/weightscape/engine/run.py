"""Starts Snakemake again in a results folder."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from weightscape.errors import UserError
from weightscape.study.config import load, results_folder


def place_of(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """The project folder, which must be the current one, and the study's results folder below it."""
    project = Path.cwd()
    if arguments.further and not arguments.further[0].startswith("-"):
        raise UserError(
            f"{arguments.further[0]} names no study: it is that of this folder's config.yaml, or of --configfile; "
            "give further arguments of snakemake after --"
        )
    if not (project / "Snakefile").is_file():
        raise UserError(f"{project} has no Snakefile: change to the project's folder")
    config = load(project / "config.yaml", arguments.configfile)
    return project, Path(results_folder(config, project / "config.yaml"))


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
