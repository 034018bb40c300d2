"""Measures the CPU seconds of a study's jobs beside those of an older commit, in turn, each from nothing.

Writes results/bench/study.md: by stage the jobs and the CPU seconds of their processes (imports and the start of shared
processes included, Snakemake's own apart), and the ratio. Another design of the study shows in the numbers of jobs, so
that the last row counts each stage by its mean over the jobs that the older commit has.

    python tests/benchmarks/study.py --against ecc611b --study workflow/studies/smoke.yaml
    python tests/benchmarks/study.py --against ecc611b --study new.yaml --older-study old.yaml --repetitions 3
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
SNAKEMAKE = "Snakemake, shells, shared processes"


@dataclass
class Measured:
    """Wall and CPU seconds of a whole study, and the CPU seconds of each job by stage."""

    wall: float = 0.0
    cpu: float = 0.0
    jobs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def of_jobs(self) -> float:
        """CPU seconds of all jobs."""
        return sum(map(sum, self.jobs.values()))


def main() -> None:
    """Run both studies in turn and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, help="the older commit")
    parser.add_argument("--study", default="workflow/studies/smoke.yaml")
    parser.add_argument("--older-study", help="the same design as the older commit takes it, if its keys differ")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1)  # processes that outlive their parent are counted here
    older, newer = [], []
    for _ in range(arguments.repetitions):
        older.append(measured(arguments.against, arguments.older_study or arguments.study, arguments.cores))
        newer.append(measured("HEAD", arguments.study, arguments.cores))
    target = ROOT / "results" / "bench" / "study.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(arguments.against, older, newer))
    print(target.read_text())


def measured(commit: str, study: str, cores: int) -> Measured:
    """The seconds of a study of a commit from nothing."""
    file = Path(study).resolve() if Path(study).is_absolute() or not study.startswith("workflow/") else Path(study)
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        environment = {**os.environ, "PYTHONPATH": str(Path(folder) / "workflow")}
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
        start, before = time.monotonic(), used()
        done = subprocess.run([*command, "--configfile", str(file)], cwd=folder, env=environment, capture_output=True)
        wall = time.monotonic() - start
        if done.returncode:
            sys.exit((done.stdout + done.stderr).decode()[-3000:])
        reap()
        found = Measured(wall, used() - before)
        name = yaml.safe_load((Path(folder) / file).read_text())["study"]["name"]
        for path in (Path(folder) / "results" / "studies" / name).rglob("*provenance.json"):
            prefix = path.name.removesuffix("provenance.json")
            record = path.with_name(f"{prefix}json" if prefix else "manifest.json")
            found.jobs[json.loads(record.read_text())["stage"]].append(json.loads(path.read_text())["cpu_seconds"])
        return found


def used() -> float:
    """CPU seconds of all processes that were started from here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def reap() -> None:
    """Wait for all processes that outlived their parents."""
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def page(commit: str, older: list[Measured], newer: list[Measured]) -> str:
    """The table, of the least of the repetitions."""
    stages = {stage: None for one in older + newer for stage in one.jobs}
    lines, means = [], []
    for stage in stages:
        seconds = [min(sum(one.jobs[stage]) for one in side) for side in (older, newer)]
        counts = [len(side[0].jobs[stage]) for side in (older, newer)]
        each = [total / count if count else 0.0 for total, count in zip(seconds, counts, strict=True)]
        if counts[0]:
            means.append([counts[0] * mean for mean in each])
        ratio = f"{each[1] / each[0]:.2f}" if min(counts) else ""
        lines.append(f"| {stage} | {counts[0]} | {counts[1]} | {seconds[0]:.1f} | {seconds[1]:.1f} | {ratio} |")
    rest = [min(one.cpu - one.of_jobs for one in side) for side in (older, newer)]
    whole = [min(one.cpu for one in side) for side in (older, newer)]
    wall = [statistics.median(one.wall for one in side) for side in (older, newer)]
    by_means = [sum(column) for column in zip(*means, strict=True)]
    lines += [
        f"| {SNAKEMAKE} | | | {rest[0]:.1f} | {rest[1]:.1f} | {rest[1] / rest[0]:.2f} |",
        f"| whole study | | | {whole[0]:.1f} | {whole[1]:.1f} | {whole[1] / whole[0]:.2f} |",
        f"| wall | | | {wall[0]:.1f} | {wall[1]:.1f} | {wall[1] / wall[0]:.2f} |",
        f"| jobs of {commit} | | | {by_means[0]:.1f} | {by_means[1]:.1f} | {by_means[1] / by_means[0]:.2f} |",
    ]
    head = f"| stage | jobs of {commit} | jobs now | CPU s of {commit} | CPU s now | ratio of means |\n{'|---' * 6}|"
    return f"# CPU seconds of a study, least of {len(older)}\n\n{head}\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
