"""Lists the jobs of a study in one table, and tells which job a record belongs to.

The rules in workflow/rules state the same paths; a test compares them with the table.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape import families
from weightscape.data import readers
from weightscape.finetune.dropped import RECORD
from weightscape.project import RUN
from weightscape.provenance.records import provenance_of
from weightscape.study import assets, recipes, study
from weightscape.study.config_type import Config
from weightscape.study.corruptions import is_corruption

Names = Mapping[str, str]
"""The values of the wildcards of a job."""

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


def _once(config: Config) -> Iterator[Names]:
    yield {}


def _assets(config: Config) -> Iterator[Names]:
    return ({"asset": asset} for asset in assets.of_study(config))


def _splits(config: Config) -> Iterator[Names]:
    """The splits that are read from a source; further real images only if something uses them."""
    for dataset in config["study"]["datasets"]:
        for split in study.splits(config, dataset):
            if not is_corruption(config, dataset, split) and (split != "extra" or study.reads_extra(config)):
                yield {"dataset": dataset, "split": split}


def _corruptions(config: Config) -> Iterator[Names]:
    for dataset in config["study"]["datasets"]:
        for split in study.splits(config, dataset):
            if is_corruption(config, dataset, split):
                yield {"dataset": dataset, "split": split}


def _read_backbones(config: Config) -> Iterator[Names]:
    return ({"backbone": backbone} for backbone in study.read_backbones(config))


def _backbones(config: Config) -> Iterator[Names]:
    return ({"backbone": backbone} for backbone in config["study"]["backbones"])


def _datasets(config: Config) -> Iterator[Names]:
    return ({"dataset": dataset} for dataset in config["study"]["datasets"])


def _judges(config: Config) -> Iterator[Names]:
    return _datasets(config) if study.asks_judge(config) else iter(())


def _generators(config: Config) -> Iterator[Names]:
    if study.uses_generator(config):
        for names in _datasets(config):
            yield {**names, "generator": config["generate"]["name"]}


def _trained_generators(config: Config) -> Iterator[Names]:
    return _generators(config) if config["generate"]["kind"] == "ddpm" else iter(())


def _shards(config: Config) -> Iterator[Names]:
    for names in _generators(config):
        for recipe in recipes.names(config):
            for shard in range(config["generate"]["shards"]):
                yield {**names, "recipe": recipe, "shard": f"{shard:05d}"}


def _conditions(config: Config) -> Iterator[Names]:
    for names in _datasets(config):
        for family, dose in study.conditions(config):
            yield {**names, "family": family, "dose": dose}


def _measured_conditions(config: Config) -> Iterator[Names]:
    return (names for names in _conditions(config) if names["family"] in families.DIVERSITY_FAMILIES)


def _altered_items(config: Config) -> Iterator[Names]:
    for names in _conditions(config):
        if families.alters_items(names["family"], names["dose"]):
            for seed in config["study"]["seeds"]:
                yield {**names, "seed": str(seed)}


def _runs(config: Config) -> Iterator[Names]:
    return (run.names for run in study.runs(config))


def _curved_runs(config: Config) -> Iterator[Names]:
    curved = study.curved_conditions(config)
    return (names for names in _runs(config) if (names["family"], names["dose"]) in curved)


def _dropping_conditions(config: Config) -> Iterator[Names]:
    """The conditions whose weights are dropped, all or some, once they are measured."""
    if config["study"]["keep_weights"] != "all":
        for names in _conditions(config):
            yield from ({**names, **backbone} for backbone in _backbones(config))


def _figures(config: Config) -> Iterator[Names]:
    return ({"figure": figure} for figure in config["figures"])


RUN_LOG = RUN.replace("/", ".") + ".log"
CONDITION_LOG = "{dataset}.{backbone}.{family}.{dose}.log"
GENERATOR = "2_generate/{dataset}/{generator}"
SHARD = "recipe-{recipe}/shard-{shard}"
CONDITION = "3_assemble/{dataset}/{family}/{dose}"

JOBS = (
    Job("fetch", "fetch", "1_data/fetched/{asset}.json", "fetch/{asset}.log", _assets),
    Job(
        "backbone", "backbone", "1_data/backbones/{backbone}/manifest.json", "backbone/{backbone}.log", _read_backbones
    ),
    Job("data", "data", "1_data/{dataset}/{split}/manifest.json", "data/{dataset}.{split}.log", _splits),
    Job("corrupt", "corrupt", "1_data/{dataset}/{split}/manifest.json", "corrupt/{dataset}.{split}.log", _corruptions),
    Job(
        "train_generator",
        "train_generator",
        f"{GENERATOR}/model/manifest.json",
        "train_generator/{dataset}.{generator}.log",
        _trained_generators,
    ),
    Job(
        "generate",
        "generate",
        f"{GENERATOR}/{SHARD}.json",
        "generate/{dataset}.{generator}.recipe-{recipe}.{shard}.log",
        _shards,
    ),
    Job("train_judge", "train_judge", "2_generate/{dataset}/judge/manifest.json", "train_judge/{dataset}.log", _judges),
    Job(
        "measure_quality",
        "measure_quality",
        f"{GENERATOR}/manifest.json",
        "measure_quality/{dataset}.{generator}.log",
        _generators,
    ),
    Job(
        "assemble_real", "assemble", "3_assemble/{dataset}/real/manifest.json", "assemble/{dataset}.real.log", _datasets
    ),
    Job(
        "assemble",
        "assemble",
        CONDITION + "/seed{seed}/manifest.json",
        "assemble/{dataset}.{family}.{dose}.seed{seed}.log",
        _altered_items,
    ),
    Job(
        "measure_diversity",
        "measure_diversity",
        f"{CONDITION}/diversity/manifest.json",
        "measure_diversity/{dataset}.{family}.{dose}.log",
        _measured_conditions,
    ),
    Job("finetune", "finetune", f"4_finetune/{RUN}/manifest.json", f"finetune/{RUN_LOG}", _runs),
    Job("evaluate", "evaluate", f"4_finetune/{RUN}/evaluation/manifest.json", f"evaluate/{CONDITION_LOG}", _runs),
    Job(
        "curvature",
        "curvature",
        f"4_finetune/{RUN}/curvature/manifest.json",
        f"curvature/{CONDITION_LOG}",
        _curved_runs,
    ),
    Job(
        "drop_weights",
        "drop_weights",
        f"4_finetune/{Path(RUN).parent}/{RECORD}",
        f"drop_weights/{CONDITION_LOG}",
        _dropping_conditions,
    ),
    Job(
        "spectra_before",
        "spectra_before",
        "5_spectra/before/{backbone}/manifest.json",
        "spectra_before/{backbone}.log",
        _backbones,
    ),
    Job("spectra", "spectra", f"5_spectra/{RUN}/manifest.json", f"spectra/{RUN_LOG}", _runs),
    Job("aggregate", "aggregate", "6_metrics/aggregate.json", "aggregate.log", _once),
    Job("analyse", "analyse", "6_metrics/analyse.json", "analyse.log", _once),
    Job("reanalyse", "reanalyse", "7_figures/reanalyse.json", "reanalyse.log", _once),
    Job("reanalyse", "reanalyse", "8_report/reanalyse.json", "reanalyse.log", _once),
    Job("reanalyse", "reanalyse", "6_metrics/reanalyse.json", "reanalyse.log", _once),
    Job("figure", "figure", "7_figures/{figure}.json", "figure/{figure}.log", _figures),
    Job("report", "report", "8_report/manifest.json", "report.log", _once),
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
        shards = [shard for shard in _shards(config) if shard["dataset"] == names["dataset"]]
        wanted = {f"{GENERATOR}/{SHARD}.safetensors".format(**shard) for shard in shards}
        folder = GENERATOR.format(**names)
        differing = wanted ^ {place for place in inputs if place.startswith(f"{folder}/recipe-")}
    else:
        return None
    first = min(differing, default=None)
    return first and f"it was {'not ' if first in wanted else ''}made from {first}"
