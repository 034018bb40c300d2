"""`weightscape status`: what of a study is done, running with its progress, and failed, and the time that is left.

Read from the results folder alone: manifests and figures say what is done; a log without its result belongs to a job
that runs, waits for its turn after an interruption, or failed.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from weightscape import assets, recipes, study
from weightscape.commands.settings import add_config_arguments, load
from weightscape.errors import UserError
from weightscape.files import read_json
from weightscape.progress import LINE

HELP = "what of a study is done, running and failed, and how long the rest takes"
QUIET = 120
"""Seconds without a line after which a job that has not finished counts as stopped."""


@dataclass(frozen=True)
class Job:
    """One job of the workflow: the file that it makes last, its log and where its cost is recorded."""

    stage: str
    made: Path
    log: Path
    provenance: Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Which study."""
    add_config_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per stage, the running and failed jobs, and an estimate of the time left."""
    config = load(arguments.config, arguments.configfile)
    results = Path(study.results_folder(config, arguments.config))
    jobs = list(jobs_of(config, results))
    done = [job for job in jobs if job.made.exists()]
    open_jobs = [job for job in jobs if not job.made.exists()]
    states = {job: state_of(job) for job in open_jobs if job.log.exists()}
    print(f"study {config['study']['name']} in {results}: {len(done)} of {len(jobs)} jobs done")
    for stage in dict.fromkeys(job.stage for job in jobs):
        counts = [sum(job.stage == stage for job in group) for group in (done, jobs)]
        print(f"  {stage:<18}{counts[0]:>6} of {counts[1]}")
    for job, (state, detail) in states.items():
        print(f"  {state}: {job.log.stem} ({job.stage}): {detail}")
    if open_jobs:
        print(f"time left: {remaining(done, open_jobs)}")
    return 0


def jobs_of(config: study.Config, results: Path) -> list[Job]:
    """Every job of the study, in stage order, by what it makes."""
    logs = results / "logs"
    jobs: list[Job] = []

    def add(stage: str, made: str, log: str) -> None:
        path = results / made
        name = path.stem if path.name != "manifest.json" else ""
        provenance = path.with_name(f"{name}.provenance.json" if name else "provenance.json")
        jobs.append(Job(stage, path, logs / log, provenance))

    if config["study"]["start"] == "tables":
        add("reanalyse", "6_metrics/reanalyse.json", "reanalyse.log")
        return jobs
    for asset in assets.of_study(config):
        add("fetch", f"1_data/fetched/{asset}.json", f"fetch/{asset}.log")
    for dataset in config["study"]["datasets"]:
        for split in study.splits(config, dataset):
            if split == "extra" and not study.reads_extra(config):
                continue
            add("data", f"1_data/{dataset}/{split}/manifest.json", f"data/{dataset}.{split}.log")
    for backbone in config["study"]["backbones"]:
        add("backbone", f"1_data/backbones/{backbone}/manifest.json", f"backbone/{backbone}.log")
        add("spectra_before", f"5_spectra/before/{backbone}/manifest.json", f"spectra_before/{backbone}.log")
    if study.uses_generator(config):
        for stage, made, log in _generator_jobs(config):
            add(stage, made, log)
    for dataset in config["study"]["datasets"]:
        if study.asks_judge(config):
            add("train_judge", f"2_generate/{dataset}/judge/manifest.json", f"train_judge/{dataset}.log")
        for stage, made, log in _assembling_jobs(config, dataset):
            add(stage, made, log)
    last, curved = config["study"]["seeds"][-1], study.curved_conditions(config)
    for job in study.runs(config):
        name = job.path.replace("/", ".")
        add("finetune", f"4_finetune/{job.path}/manifest.json", f"finetune/{name}.log")
        add("spectra", f"5_spectra/{job.path}/manifest.json", f"spectra/{name}.log")
        if job.seed == last:  # one job evaluates the runs of a condition, in the order of their seeds
            condition = name.rsplit(".", 1)[0]
            add("evaluate", f"4_finetune/{job.path}/evaluation/manifest.json", f"evaluate/{condition}.log")
            if (job.family, job.dose) in curved:
                add("curvature", f"4_finetune/{job.path}/curvature/manifest.json", f"curvature/{condition}.log")
    add("aggregate", "6_metrics/aggregate.json", "aggregate.log")
    add("analyse", "6_metrics/analyse.json", "analyse.log")
    for figure in config["figures"]:
        add("figure", f"7_figures/{figure}.json", f"figure/{figure}.log")
    add("report", "8_report/report.html", "report.log")
    return jobs


def _generator_jobs(config: study.Config) -> list[tuple[str, str, str]]:
    generator = config["generate"]["name"]
    jobs = []
    for dataset in config["study"]["datasets"]:
        top = f"2_generate/{dataset}"
        name = f"{dataset}.{generator}"
        if config["generate"]["kind"] == "ddpm":
            jobs.append(("train_generator", f"{top}/{generator}/model/manifest.json", f"train_generator/{name}.log"))
        for recipe in recipes.names(config):
            for shard in range(config["generate"]["shards"]):
                made = f"{top}/{generator}/recipe-{recipe}/shard-{shard:05d}.json"
                jobs.append(("generate", made, f"generate/{name}.recipe-{recipe}.{shard:05d}.log"))
        jobs.append(("measure_quality", f"{top}/{generator}/manifest.json", f"measure_quality/{name}.log"))
    return jobs


def _assembling_jobs(config: study.Config, dataset: str) -> list[tuple[str, str, str]]:
    top = f"3_assemble/{dataset}"
    jobs = [("assemble_real", f"{top}/real/manifest.json", f"assemble/{dataset}.real.log")]
    for family, dose in study.conditions(config):
        name = f"{dataset}.{family}.{dose}"
        if study.alters_items(family, dose):
            for seed in config["study"]["seeds"]:
                made = f"{top}/{family}/{dose}/seed{seed}/manifest.json"
                jobs.append(("assemble", made, f"assemble/{name}.seed{seed}.log"))
        if family in study.DIVERSITY_FAMILIES:
            made = f"{top}/{family}/{dose}/diversity/manifest.json"
            jobs.append(("measure_diversity", made, f"measure_diversity/{name}.log"))
    return jobs


def state_of(job: Job) -> tuple[str, str]:
    """`running`, `failed` or `stopped`, with the progress or the last line of the log."""
    lines = job.log.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "nothing logged yet")
    found = LINE.search(last)
    if last.startswith(("error:", "Traceback")) or (lines and "Error" in last.split(":")[0]):
        return "failed", last
    if time.time() - job.log.stat().st_mtime > QUIET:
        return "stopped", last
    if found:
        share = int(found["done"]) / max(int(found["total"]), 1)
        return (
            "running",
            f"{share:.0%}, {found['done']} of {found['total']} {found['unit']}, {found['left']} s left",
        )
    return "running", last


def remaining(done: list[Job], open_jobs: list[Job]) -> str:
    """An estimate from the median cost of each stage's finished jobs and the speed of the last half hour."""
    seconds: dict[str, list[float]] = {}
    finished = []
    for job in done:
        try:
            seconds.setdefault(job.stage, []).append(read_json(job.provenance)["wall_seconds"])
            finished.append(job.provenance.stat().st_mtime)
        except (UserError, KeyError):
            continue
    unknown = {job.stage for job in open_jobs} - set(seconds)
    work = sum(median(seconds[job.stage]) for job in open_jobs if job.stage in seconds)
    at_once = _at_once(done, seconds, finished)
    text = f"about {work / at_once / 60:.0f} min with {at_once:.1f} jobs at once"
    return text + (f", not counting {', '.join(sorted(unknown))}" if unknown else "")


def _at_once(done: list[Job], seconds: dict[str, list[float]], finished: list[float]) -> float:
    """Mean number of jobs side by side over the time in which the finished ones were made."""
    span = max(finished, default=0.0) - min(finished, default=0.0)
    total = sum(sum(values) for values in seconds.values())
    return min(max(total / span, 1.0), 64.0) if span > 0 and len(done) > 2 else 1.0
