"""Measures the wall time of the smoke study through sbatch on one node, beside a local run of the same copy.

Writes results/bench/slurm.md. Both use two cores; the two are timed in turn, since the machine may have other work.
Needs root, slurm-wlm and munge, and a machine without a Slurm of its own.

    python tests/benchmarks/slurm.py
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "tests" / "slurm"
STUDY = "workflow/studies/smoke.yaml"
ALLOWED = 120
"""Seconds that Slurm may add."""


def main() -> None:
    """Time both, write the page, and end with 1 where Slurm adds more than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1)
    arguments = parser.parse_args()
    local = ["snakemake", "--cores", "2", "--configfile", STUDY]
    cluster = [sys.executable, "-m", "weightscape.cli", "cluster", "--study", "smoke"]
    rows = []
    with tempfile.TemporaryDirectory() as state:
        subprocess.run([SLURM / "start.sh", state], check=True)
        try:
            for _ in range(arguments.repetitions):
                rows.append((timed(local), timed(cluster)))
        finally:
            subprocess.run([SLURM / "stop.sh", state], check=False)
    added = statistics.median(two[0] - one[0] for one, two in rows)
    target = ROOT / "results" / "bench" / "slurm.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(rows, added))
    print(target.read_text())
    sys.exit(int(added > ALLOWED))


def timed(command: list[str]) -> tuple[float, float, int]:
    """Wall seconds of a study from nothing, the load of the machine before it, and the jobs that were submitted."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, folder)
        for name in ("workflow", "envs"):
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        environment = {**os.environ, "PYTHONPATH": str(Path(folder) / "workflow"), "WEIGHTSCAPE_DEVICE": "cpu"}
        load = os.getloadavg()[0]
        start = time.monotonic()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        seconds = time.monotonic() - start
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        submitted = re.findall(r"submitted with SLURM jobid (\d+)", done.stdout + done.stderr)
        return seconds, load, len(set(submitted))


def page(rows: list[tuple[tuple[float, float, int], tuple[float, float, int]]], added: float) -> str:
    """The results as Markdown."""
    lines = [
        "# Slurm beside a local run",
        "",
        f"The smoke study from nothing on {os.cpu_count()} cores, one node; load: of the minute before.",
        "",
        "| local s | load | Slurm s | load | Slurm jobs | added s |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for one, two in rows:
        lines.append(
            f"| {one[0]:.0f} | {one[1]:.1f} | {two[0]:.0f} | {two[1]:.1f} | {two[2]} | {two[0] - one[0]:+.0f} |"
        )
    return "\n".join([*lines, "", f"Added in the median: {added:+.0f} s; allowed: {ALLOWED} s.", ""])


if __name__ == "__main__":
    main()
