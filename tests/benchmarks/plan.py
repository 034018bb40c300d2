"""Measures CPU time, time by the clock and memory of `snakemake -n` on the paper's grid and larger ones.

In a copy of the project, without a single image: the whole grid from nothing; the same when all is done (every
output an empty file with Snakemake's metadata, weights dropped as the study says); one data set of it; the grid
with each data set several times over, whole, in batches, and one data set of it. Writes results/bench/plan.md.

    python tests/benchmarks/plan.py [--times 9]
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAPER = "workflow/studies/paper.yaml"
LARGER = "workflow/studies/larger.yaml"
LIMITS = {"seconds": 25, "memory": 1500}
"""Of the paper's grid: CPU s, which are those by the clock on a quiet machine; MB."""


@dataclass(frozen=True)
class Cost:
    """The cost of one plan."""

    jobs: int
    cpu: float
    wall: float
    memory: float


def main() -> None:
    """Measure, write the page, and end with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=9, help="how often each data set stands in the larger grid")
    parser.add_argument("--without-larger", action="store_true", help="the paper's grid only")
    parser.add_argument("--finish", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.finish is not None:
        finish(arguments.finish)
    rows: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as place:
        project = copied(Path(place) / "project")
        one = ["--config", "study={datasets: [cifar10]}"]
        paper = ["--configfile", PAPER]
        planned(project, *paper, *one)  # fills the caches of compiled modules
        rows["paper, from nothing"] = planned(project, *paper)
        rows["paper, from nothing, every job printed"] = planned(project, *paper, quiet=False)
        rows["paper, one data set"] = planned(project, *paper, *one)
        finished(project, *paper)
        rows["paper, all done"] = planned(project, *paper)
        if not arguments.without_larger:
            larger = ["--configfile", PAPER, LARGER]
            write_larger(project, arguments.times)
            rows["larger, one data set"] = planned(project, *larger, *one)
            rows["larger, a tenth: --batch aggregate=1/10"] = planned(project, *larger, "--batch", "aggregate=1/10")
            rows["larger, whole"] = planned(project, *larger)
    text = page(rows, arguments.times)
    target = ROOT / "results" / "bench" / "plan.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    print(text)
    bounded = [rows[name] for name in ("paper, from nothing", "paper, all done")]
    sys.exit(any(row.cpu > LIMITS["seconds"] or row.memory > LIMITS["memory"] for row in bounded))


def copied(project: Path) -> Path:
    """Copies the files that plans need into a folder of their own."""
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, project)
    return project


def write_larger(project: Path, times: int) -> None:
    """A study with each data set of the paper's `times` over, under other names."""
    import yaml

    paper = yaml.safe_load((project / PAPER).read_text())
    sets = paper["study"]["datasets"]
    copies = {name if k == 0 else f"{name}-{k}": name for k in range(times) for name in sets}
    recipes = paper["generate"]["recipes"]
    for recipe in recipes:
        recipe["images_per_class"] |= {copy: recipe["images_per_class"][name] for copy, name in copies.items()}
    larger = {
        "study": {"name": "larger", "datasets": list(copies)},
        "data": {copy: paper["data"][name] for copy, name in copies.items()},
        "generate": {"recipes": recipes},
    }
    (project / LARGER).write_text(json.dumps(larger))


def environment() -> dict[str, str]:
    """As at a command line."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}


def planned(project: Path, *words: str, quiet: bool = True) -> Cost:
    """Measures the cost of `snakemake -n`; jobs are those that it would run."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--cores",
        "4",
        *(["--quiet", "rules"] if quiet else []),
        *words,
    ]
    said = project / "said.txt"
    with said.open("w") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=project, env=environment(), stdout=stream, stderr=stream)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    text = said.read_text()
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{text[-2000:]}")
    total = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    print(f"{' '.join(words)}: {usage.ru_utime + usage.ru_stime:.1f} s", file=sys.stderr)
    return Cost(int(total[1]) if total else 0, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1e3)


def finished(project: Path, *words: str) -> None:
    """Make every output of the plan an empty file with its metadata."""
    command = [sys.executable, __file__, "--finish", "-n", "--cores", "4", "--quiet", *words]
    subprocess.run(command, cwd=project, env=environment(), check=True)


def finish(words: list[str]) -> None:
    """Snakemake's command line, which records all jobs of its plan as done instead of showing them."""
    from snakemake import cli, dag
    from snakemake.io import is_flagged

    initialised = dag.DAG.init

    async def init(self: dag.DAG, progress: bool = False) -> None:
        await initialised(self, progress)
        jobs = list(self.bfs(self._dependencies, *self.targetjobs))
        order = {job: place for place, layer in enumerate(self.toposorted(jobs)) for job in layer}
        jobs.sort(key=order.__getitem__)
        for job in jobs:
            for path in map(Path, job.output):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        self.workflow.iocache.clear()
        for job in jobs:
            await self.workflow.persistence.finished(job)
        kept = {path for job in self.targetjobs for path in job.input}
        for path in (path for job in jobs for path in job.output if is_flagged(path, "temp")):
            Path(path).unlink() if path not in kept else None
        os._exit(0)

    dag.DAG.init = init
    sys.argv = ["snakemake", *words]
    cli.main()


def page(rows: dict[str, Cost], times: int) -> str:
    """The measurements as Markdown."""
    lines = [
        "# What a plan costs",
        "",
        f"`snakemake -n`; the larger grid has each data set of the paper's {times} times. Load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; `python tests/benchmarks/plan.py`.",
        "",
        "| plan | jobs to run | CPU s | s by the clock | peak MB |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {name} | {r.jobs} | {r.cpu:.1f} | {r.wall:.1f} | {r.memory:.0f} |" for name, r in rows.items()]
    wanted = f"Wanted of the paper's grid: {LIMITS['seconds']} s and {LIMITS['memory']} MB."
    return "\n".join([*lines, "", wanted, ""])


if __name__ == "__main__":
    main()
