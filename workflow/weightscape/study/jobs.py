"""Every job of a study, told from its config alone: what it makes, and what some of them read."""

from dataclasses import dataclass
from pathlib import Path

from weightscape import families
from weightscape.study import assets, recipes, study
from weightscape.study.corruptions import is_corruption
from weightscape.study.places import Job as RecordedJob
from weightscape.study.study import read_backbones


@dataclass(frozen=True)
class Job:
    """One job of the workflow: the file that it makes last, its log and where its cost is recorded."""

    stage: str
    made: Path
    log: Path
    provenance: Path


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
            stage = "corrupt" if is_corruption(config, dataset, split) else "data"
            add(stage, f"1_data/{dataset}/{split}/manifest.json", f"{stage}/{dataset}.{split}.log")
    for backbone in read_backbones(config):
        add("backbone", f"1_data/backbones/{backbone}/manifest.json", f"backbone/{backbone}.log")
    for backbone in config["study"]["backbones"]:
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
        if families.alters_items(family, dose):
            for seed in config["study"]["seeds"]:
                made = f"{top}/{family}/{dose}/seed{seed}/manifest.json"
                jobs.append(("assemble", made, f"assemble/{name}.seed{seed}.log"))
        if family in families.DIVERSITY_FAMILIES:
            made = f"{top}/{family}/{dose}/diversity/manifest.json"
            jobs.append(("measure_diversity", made, f"measure_diversity/{name}.log"))
    return jobs


def expected(config: study.Config) -> set[str]:
    """The places of every record that the study makes."""
    if config["study"]["start"] == "tables":
        return {f"{folder}/reanalyse.json" for folder in ("6_metrics", "7_figures", "8_report")}
    made = {str(job.made) for job in jobs_of(config, Path())}
    curved = study.curved_conditions(config)
    for run in study.runs(config):  # one job for all runs of a condition
        made.add(f"4_finetune/{run.path}/evaluation/manifest.json")
        if (run.family, run.dose) in curved:
            made.add(f"4_finetune/{run.path}/curvature/manifest.json")
    return (made - {"8_report/report.html"}) | {"8_report/manifest.json"}


def measures_of(config: study.Config, run: study.Run) -> list[str]:
    """Places of the records of what is measured at the weights of a run."""
    curved = (run.family, run.dose) in study.curved_conditions(config)
    folders = [f"4_finetune/{run.path}/evaluation", f"5_spectra/{run.path}"]
    return [f"{folder}/manifest.json" for folder in folders + [f"4_finetune/{run.path}/curvature"] * curved]


def unread(config: study.Config, job: RecordedJob, inputs: set[str]) -> str | None:
    """How the recorded inputs of a job differ from what it would read now, where its settings do not tell.

    An evaluation of more splits than the study has is no less true; the quality of images is that of all recipes.
    """
    if job.slice == "evaluate":
        dataset = job.names["dataset"]
        wanted = {f"1_data/{dataset}/{split}/manifest.json" for split in study.evaluated_splits(config, dataset)}
        differing = wanted - inputs
    elif job.slice == "measure_quality":
        folder = "2_generate/{dataset}/{generator}".format(**job.names)
        shards = range(config["generate"]["shards"])
        wanted = {
            f"{folder}/recipe-{recipe}/shard-{shard:05d}.safetensors"
            for recipe in recipes.names(config)
            for shard in shards
        }
        differing = wanted ^ {place for place in inputs if place.startswith(f"{folder}/recipe-")}
    else:
        return None
    first = min(differing, default=None)
    return first and f"it was {'not ' if first in wanted else ''}made from {first}"
