"""Lists the jobs of a study in one table, and tells which job a record belongs to.

The rules in workflow/rules state the same paths; a test compares them with the table.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from weightscape.assemble.settings import CHOOSER
from weightscape.data import readers
from weightscape.families import BASELINE, ITEM_FAMILIES
from weightscape.finetune.kept_weights import RECORD
from weightscape.project import RUN
from weightscape.provenance.records import provenance_of
from weightscape.study import Config, assets, doses, recipes, study

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

    `record` is a path below the results folder, `log` one below `logs/{program}` without its ending; if it is empty,
    the log is called as the program. A job makes all records that have the same log.
    """

    rule: str
    record: str
    log: str = ""

    @property
    def program(self) -> str:
        """The program in stages/ that the rule runs."""
        return {"assemble_real": "assemble"}.get(self.rule, self.rule.removesuffix("_pool"))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression of the record, with its wildcards as groups."""
        literal = self.record.replace(".json", r"\.json")
        return re.compile(re.sub(r"\{(\w+)\}", lambda match: f"(?P<{match[1]}>{WILDCARDS[match[1]]})", literal))

    def place(self, names: Names) -> str:
        """The path of the record with these names, below the results folder."""
        return self.record.format(**names)

    def log_place(self, names: Names) -> str:
        """The path of the log with these names, below the results folder."""
        return f"logs/{self.program}{'/' if self.log else ''}{self.log.format(**names)}.log"


RUN_LOG = RUN.replace("/", ".")
CONDITION_LOG = "{dataset}.{backbone}.{family}.{dose}"
POOL_RUN = "{dataset}/{backbone}/baseline/baseline/seed{seed}"
POOL_LOG = "{dataset}.{backbone}.baseline.baseline"
GENERATOR = "2_generate/{dataset}/{generator}"
CONDITION = "3_assemble/{dataset}/{family}/{dose}"

JOBS = (
    Job("fetch", "1_data/fetched/{asset}.json", "{asset}"),
    Job("backbone", "1_data/backbones/{backbone}/manifest.json", "{backbone}"),
    Job("data", "1_data/{dataset}/{split}/manifest.json", "{dataset}.{split}"),
    Job("corrupt", "1_data/{dataset}/{split}/manifest.json", "{dataset}.{split}"),
    Job("train_generator", f"{GENERATOR}/model/manifest.json", "{dataset}.{generator}"),
    Job("generate", GENERATOR + "/recipe-{recipe}/shard-{shard}.json", "{dataset}.{generator}.recipe-{recipe}.{shard}"),
    Job("train_judge", "2_generate/{dataset}/judge/manifest.json", "{dataset}"),
    Job("measure_quality", f"{GENERATOR}/manifest.json", "{dataset}.{generator}"),
    Job("assemble_real", "3_assemble/{dataset}/real/manifest.json", "{dataset}.real"),
    Job("assemble", CONDITION + "/seed{seed}/manifest.json", "{dataset}.{family}.{dose}.seed{seed}"),
    Job("embed", "3_assemble/{dataset}/embedded/{backbone}/manifest.json", "{dataset}.{backbone}"),
    Job("measure_diversity", f"{CONDITION}/diversity/manifest.json", "{dataset}.{family}.{dose}"),
    Job("finetune", f"4_finetune/{RUN}/manifest.json", RUN_LOG),
    Job("evaluate_pool", f"4_finetune/{POOL_RUN}/evaluation/manifest.json", POOL_LOG),
    Job("evaluate", f"4_finetune/{RUN}/evaluation/manifest.json", CONDITION_LOG),
    Job("curvature_pool", f"4_finetune/{POOL_RUN}/curvature/manifest.json", POOL_LOG),
    Job("curvature", f"4_finetune/{RUN}/curvature/manifest.json", CONDITION_LOG),
    Job("penalties_pool", f"4_finetune/{POOL_RUN}/penalties/manifest.json", POOL_LOG),
    Job("penalties", f"4_finetune/{RUN}/penalties/manifest.json", CONDITION_LOG),
    Job("drop_weights", f"4_finetune/{Path(RUN).parent}/{RECORD}", CONDITION_LOG),
    Job("spectra_before", "5_spectra/before/{backbone}/manifest.json", "{backbone}"),
    Job("spectra", f"5_spectra/{RUN}/manifest.json", RUN_LOG),
    Job("aggregate", "6_metrics/aggregate.json"),
    Job("analyse", "6_metrics/analyse.json"),
    Job("reanalyse", "7_figures/reanalyse.json"),
    Job("reanalyse", "8_report/reanalyse.json"),
    Job("reanalyse", "6_metrics/reanalyse.json"),
    Job("figure", "7_figures/{figure}.json", "{figure}"),
    Job("report", "8_report/manifest.json"),
)
"""In the order of the stages. If the patterns of two records fit a path, the first counts."""

BY_RULE = {job.rule: job for job in JOBS}


def names_of(config: Config, rule: str) -> Iterator[Names]:
    """The names of every job of a rule that a study has."""
    return _completed(config, rule, re.findall(r"\{(\w+)\}", BY_RULE[rule].record), {})


def _completed(config: Config, rule: str, wildcards: list[str], names: Names) -> Iterator[Names]:
    """The names, with every combination of values of the remaining wildcards that the study has a job of."""
    if wildcards:
        for value in _values(config, rule, wildcards[0], names):
            yield from _completed(config, rule, wildcards[1:], {**names, wildcards[0]: value})
    elif _has(config, rule, names):
        yield names


def _values(config: Config, rule: str, wildcard: str, names: Names) -> Iterable[str]:
    """The values of a wildcard in a study; `names` are those of the wildcards before it."""
    chosen = config["study"]
    match wildcard:
        case "asset":
            return assets.of_study(config)
        case "split":
            return study.splits(config, names["dataset"])
        case "backbone" if rule == "backbone":
            return study.read_backbones(config)
        case "backbone" if rule == "embed":
            return study.embeddings(config)
        case "dose":
            return doses.doses(config, names["family"])
        case "generator":
            return [config["generate"]["name"]]
        case "recipe":
            return recipes.names(config)
        case "shard":
            return [f"{number:05d}" for number in range(config["generate"]["shards"])]
        case "figure":
            return config["figures"]
        case "family":
            return study.families(config)
        case "seed":
            return map(str, doses.seeds(config, names.get("family", BASELINE)))
    return chosen[f"{wildcard}s"]


def _has(config: Config, rule: str, names: Names) -> bool:
    """Whether a study asks for a rule's job of these names."""
    match rule:
        case "data":
            is_read = names["split"] != "extra" or study.reads_extra(config)
            return is_read and not study.is_corruption(config, names["dataset"], names["split"])
        case "corrupt":
            return study.is_corruption(config, names["dataset"], names["split"])
        case "train_generator":
            return config["generate"]["kind"] == "ddpm" and study.uses_generator(config)
        case "generate" | "measure_quality":
            return study.uses_generator(config)
        case "train_judge":
            return study.asks_judge(config)
        case "assemble":
            return names["family"] in ITEM_FAMILIES
        case "embed":
            return study.measures_diversity(config, BASELINE)
        case "measure_diversity":
            return study.measures_diversity(config, names["family"])
        case "evaluate":
            return names["family"] != BASELINE
        case "curvature":
            return names["family"] != BASELINE and study.measures_curvature(config, names["family"])
        case "curvature_pool":
            return study.measures_curvature(config, BASELINE)
        case "penalties":
            return names["family"] != BASELINE and study.measures_penalties(config, names["family"])
        case "penalties_pool":
            return study.measures_penalties(config, BASELINE)
        case "drop_weights":
            return config["study"]["keep_weights"] != "all"
    return True


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
    last = {job.log_place(names): (job.rule, job.place(names)) for job, names in records(config)}
    return [PlannedJob(rule, results / place, results / log) for log, (rule, place) in last.items()]


def places(config: Config, rule: str) -> list[str]:
    """The places of the records of a rule that the study makes."""
    return [BY_RULE[rule].place(names) for names in names_of(config, rule)]


def measures_of(config: Config, names: Names) -> list[str]:
    """Places of the records of what is measured at the weights of a run with these names."""
    ending = "_pool" if names["family"] == BASELINE else ""
    rules = (f"evaluate{ending}", "spectra", f"curvature{ending}", f"penalties{ending}")
    return [BY_RULE[rule].place(names) for rule in rules if _has(config, rule, names)]


def expected(config: Config) -> set[str]:
    """The places of every record that the study makes."""
    return {job.place(names) for job, names in records(config)}


def records(config: Config) -> Iterator[tuple[Job, Names]]:
    """Every record that the study makes, as its kind of job and the names in its path."""
    from_tables = config["study"]["start"] == "tables"
    for job in JOBS:
        if (job.rule == "reanalyse") == from_tables:
            yield from ((job, names) for names in names_of(config, job.rule))


def modules_of(program: str, names: Names, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The modules that a program chooses at run time, by the names of its job and its settings."""
    match program:
        case "figure":
            return (f"figures.{names['figure']}",)
        case "data":
            return readers.of_split(settings)
        case "fetch":
            return readers.of_fetch(settings)
        case "assemble" if settings["change"]["choice"]:
            return (CHOOSER,)
    return ()


@dataclass(frozen=True)
class RecordedJob:
    """The job that made a record: its kind, and the names in the record's path."""

    kind: Job
    names: dict[str, str]

    def modules(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The modules that the program chose by these settings; none for settings of another form."""
        try:
            return modules_of(self.kind.program, self.names, settings)
        except (KeyError, TypeError):  # as an earlier version of the project wrote them
            return ()


def job_of(place: str, program: str | None = None) -> RecordedJob | None:
    """The job whose record lies at `place` (a path below the results folder); None for any other file.

    `program` is the one that the record names: it tells a corrupted split from any other.
    """
    for job in JOBS:
        match = job.pattern.fullmatch(place)
        if match and program in (None, job.program):
            return RecordedJob(job, match.groupdict())
    return None
