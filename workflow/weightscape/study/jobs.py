"""Lists the jobs of a study in one table, and tells which job a record belongs to.

The rules in workflow/rules state the same paths; a test compares them with the table.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.data import readers
from weightscape.finetune.dropped import RECORD
from weightscape.project import RUN
from weightscape.provenance.records import provenance_of
from weightscape.study import job_names, study
from weightscape.study.config_type import Config
from weightscape.study.job_names import Names

NAME = r"[a-z0-9.-]+"
WILDCARDS = {
    "asset": rf"{NAME}(?<!\.provenance)",
    **dict.fromkeys(("dataset", "split", "backbone", "generator", "recipe", "dose"), NAME),
    "family": r"[a-z_]+",
    "seed": r"\d+",
    "shard": r"\d{5}",
    "figure": r"[a-z_]+",
}
"""The regular expression of each wildcard."""


def wildcards(config: Config) -> dict[str, str]:
    """The regular expression of each wildcard in a study, which has certain data sets and one generator."""
    datasets = "|".join(map(re.escape, config["study"]["datasets"]))
    return WILDCARDS | {"dataset": datasets, "generator": re.escape(config["generate"]["name"])}


@dataclass(frozen=True)
class Job:
    """One kind of job: its rule, the program in stages/ that it runs, and the patterns of its record and its log.

    `record` is a path below the results folder, `log` one below its folder `logs`. `each` gives the wildcards of every
    record that a study has. A job makes all records that have the same log.
    """

    rule: str
    program: str
    record: str
    log: str
    each: Callable[[Config], Iterable[Names]]

    def place(self, names: Names) -> str:
        """The path of the record with these names, below the results folder."""
        return self.record.format(**names)


RUN_LOG = RUN.replace("/", ".") + ".log"
CONDITION_LOG = "{dataset}.{backbone}.{family}.{dose}.log"
GENERATOR = "2_generate/{dataset}/{generator}"
SHARD = "recipe-{recipe}/shard-{shard}"
CONDITION = "3_assemble/{dataset}/{family}/{dose}"

JOBS = (
    Job("fetch", "fetch", "1_data/fetched/{asset}.json", "fetch/{asset}.log", job_names.downloads),
    Job(
        "backbone",
        "backbone",
        "1_data/backbones/{backbone}/manifest.json",
        "backbone/{backbone}.log",
        job_names.read_backbones,
    ),
    Job("data", "data", "1_data/{dataset}/{split}/manifest.json", "data/{dataset}.{split}.log", job_names.splits),
    Job(
        "corrupt",
        "corrupt",
        "1_data/{dataset}/{split}/manifest.json",
        "corrupt/{dataset}.{split}.log",
        job_names.corruptions,
    ),
    Job(
        "train_generator",
        "train_generator",
        f"{GENERATOR}/model/manifest.json",
        "train_generator/{dataset}.{generator}.log",
        job_names.trained_generators,
    ),
    Job(
        "generate",
        "generate",
        f"{GENERATOR}/{SHARD}.json",
        "generate/{dataset}.{generator}.recipe-{recipe}.{shard}.log",
        job_names.shards,
    ),
    Job(
        "train_judge",
        "train_judge",
        "2_generate/{dataset}/judge/manifest.json",
        "train_judge/{dataset}.log",
        job_names.judges,
    ),
    Job(
        "measure_quality",
        "measure_quality",
        f"{GENERATOR}/manifest.json",
        "measure_quality/{dataset}.{generator}.log",
        job_names.generators,
    ),
    Job(
        "assemble_real",
        "assemble",
        "3_assemble/{dataset}/real/manifest.json",
        "assemble/{dataset}.real.log",
        job_names.datasets,
    ),
    Job(
        "assemble",
        "assemble",
        CONDITION + "/seed{seed}/manifest.json",
        "assemble/{dataset}.{family}.{dose}.seed{seed}.log",
        job_names.altered_items,
    ),
    Job(
        "measure_diversity",
        "measure_diversity",
        f"{CONDITION}/diversity/manifest.json",
        "measure_diversity/{dataset}.{family}.{dose}.log",
        job_names.measured_conditions,
    ),
    Job("finetune", "finetune", f"4_finetune/{RUN}/manifest.json", f"finetune/{RUN_LOG}", job_names.runs),
    Job(
        "evaluate",
        "evaluate",
        f"4_finetune/{RUN}/evaluation/manifest.json",
        f"evaluate/{CONDITION_LOG}",
        job_names.runs,
    ),
    Job(
        "curvature",
        "curvature",
        f"4_finetune/{RUN}/curvature/manifest.json",
        f"curvature/{CONDITION_LOG}",
        job_names.curved_runs,
    ),
    Job(
        "drop_weights",
        "drop_weights",
        f"4_finetune/{Path(RUN).parent}/{RECORD}",
        f"drop_weights/{CONDITION_LOG}",
        job_names.dropping_conditions,
    ),
    Job(
        "spectra_before",
        "spectra_before",
        "5_spectra/before/{backbone}/manifest.json",
        "spectra_before/{backbone}.log",
        job_names.backbones,
    ),
    Job("spectra", "spectra", f"5_spectra/{RUN}/manifest.json", f"spectra/{RUN_LOG}", job_names.runs),
    Job("aggregate", "aggregate", "6_metrics/aggregate.json", "aggregate.log", job_names.once),
    Job("analyse", "analyse", "6_metrics/analyse.json", "analyse.log", job_names.once),
    Job("reanalyse", "reanalyse", "7_figures/reanalyse.json", "reanalyse.log", job_names.once),
    Job("reanalyse", "reanalyse", "8_report/reanalyse.json", "reanalyse.log", job_names.once),
    Job("reanalyse", "reanalyse", "6_metrics/reanalyse.json", "reanalyse.log", job_names.once),
    Job("figure", "figure", "7_figures/{figure}.json", "figure/{figure}.log", job_names.figures),
    Job("report", "report", "8_report/manifest.json", "report.log", job_names.once),
)
"""In the order of the stages. If the patterns of two records fit a path, the first counts."""

BY_RULE = {job.rule: job for job in JOBS}
MEASURES = ("evaluate", "spectra", "curvature")
"""The rules that measure something at the weights of a run."""


@dataclass(frozen=True)
class PlannedJob:
    """One job of a study: its rule, its log, and the last record that it makes."""

    rule: str
    record: Path
    log: Path

    @property
    def provenance(self) -> Path:
        """The file that states what the job took."""
        return provenance_of(self.record)


def jobs_of(config: Config, results: Path) -> list[PlannedJob]:
    """Every job of the study, in the order of the table."""
    last = {job.log.format(**names): (job.rule, job.place(names)) for job, names in records(config)}
    return [PlannedJob(rule, results / place, results / "logs" / log) for log, (rule, place) in last.items()]


def expected(config: Config) -> set[str]:
    """The places of every record that the study makes."""
    return {job.place(names) for job, names in records(config)}


def records(config: Config) -> Iterator[tuple[Job, Names]]:
    """Every record that the study makes, as its kind of job and the names in its path."""
    from_tables = config["study"]["start"] == "tables"
    for job in JOBS:
        if (job.rule == "reanalyse") == from_tables:
            yield from ((job, names) for names in job.each(config))


def measures_of(config: Config, run: study.Run) -> list[str]:
    """Places of the records of what is measured at the weights of a run."""
    curved = (run.family, run.dose) in study.curved_conditions(config)
    return [BY_RULE[rule].place(run.names) for rule in MEASURES if rule != "curvature" or curved]


@dataclass(frozen=True)
class RecordedJob:
    """The job that made a record: its kind, and the names in the record's path."""

    kind: Job
    names: dict[str, str]

    def modules(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The modules that the program chooses at run time, by its settings; none for settings of another form."""
        if self.kind.program == "figure":
            return (f"figures.{self.names['figure']}",)
        choose = {"data": readers.of_split, "fetch": readers.of_fetch}.get(self.kind.program)
        try:
            return choose(settings) if choose else ()
        except (KeyError, TypeError):  # as an earlier version of the project wrote them
            return ()


def _compiled(pattern: str) -> re.Pattern[str]:
    literal = pattern.replace(".json", r"\.json")
    return re.compile(re.sub(r"\{(\w+)\}", lambda match: f"(?P<{match[1]}>{WILDCARDS[match[1]]})", literal))


_PATTERNS = tuple((_compiled(job.record), job) for job in JOBS)


def job_of(place: str, program: str | None = None) -> RecordedJob | None:
    """The job whose record lies at `place` (a path below the results folder); None for any other file.

    `program` is the one that the record names: it tells a corrupted split from any other.
    """
    for pattern, job in _PATTERNS:
        match = pattern.fullmatch(place)
        if match and program in (None, job.program):
            return RecordedJob(job, match.groupdict())
    return None


def other_inputs(config: Config, recorded: RecordedJob, inputs: set[str]) -> str | None:
    """Why a job is stale although its settings agree: it read other files than it would read now; None if it did not.

    An evaluation must have read every split of the study, further ones do no harm. The quality of a generator is that
    of the images of exactly the study's recipes.
    """
    names = recorded.names
    if recorded.kind.rule == "evaluate":
        splits = study.evaluated_splits(config, names["dataset"])
        wanted = {BY_RULE["data"].place({"dataset": names["dataset"], "split": split}) for split in splits}
        differing = wanted - inputs
    elif recorded.kind.rule == "measure_quality":
        shards = [shard for shard in job_names.shards(config) if shard["dataset"] == names["dataset"]]
        wanted = {f"{GENERATOR}/{SHARD}.safetensors".format(**shard) for shard in shards}
        folder = GENERATOR.format(**names)
        differing = wanted ^ {place for place in inputs if place.startswith(f"{folder}/recipe-")}
    else:
        return None
    first = min(differing, default=None)
    return first and f"it was {'not ' if first in wanted else ''}made from {first}"
