"""The table of jobs against the rules, which state the same paths; and what follows from it."""

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toy_project import LOG, environment
from weightscape.metrics.tables.outline import FOLDERS
from weightscape.project import ROOT
from weightscape.study import Config
from weightscape.study.config import load, results_folder
from weightscape.study.jobs import BY_RULE, expected, job_of, jobs_of, records

STUDIES = ROOT / "workflow" / "studies"
PROGRAM = re.compile(r"python -m weightscape\.stages (\w+) ")
FETCHED = {
    "datasets": ["cifar10"],
    "backbones": ["resnet18"],
    "families": ["noise", "dropout", "weight_decay", "label_noise", "real_add", "synthetic_replace"],
    "seeds": [0, 1],
}
JUDGED = {
    "study": {"name": "judged", "families": ["noise", "synthetic_replace"], "seeds": [0, 1]},
    "generate": {"kind": "text_to_image", "gate": {"classifier": "judge"}, "shards": 3},
}
"""A pipeline whose images the judge must recognise."""


@pytest.fixture(scope="module", params=["smoke", "published", "fetched", "judged"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A study and the file that describes it; together they have a job of every rule."""
    file = STUDIES / f"{request.param}.yaml"
    if request.param == "fetched":
        content = yaml.safe_load((STUDIES / "paper.yaml").read_text())
        file = tmp_path_factory.mktemp("fetched") / "study.yaml"
        file.write_text(yaml.safe_dump({**content, "study": content["study"] | FETCHED}))
    if request.param == "judged":
        file = tmp_path_factory.mktemp("judged") / "study.yaml"
        file.write_text(yaml.safe_dump(JUDGED))
    return load(ROOT / "config.yaml", file), file


@functools.cache
def planned(file: Path, *options: str) -> str:
    """Snakemake's list of the jobs of a study, none of which is run."""
    command = [sys.executable, "-m", "snakemake", *options, "--configfile", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment(), timeout=300, check=True)
    return done.stdout + done.stderr


@pytest.mark.process
def test_the_records_of_the_table_are_those_of_the_rules(study: tuple[Config, Path]) -> None:
    config, file = study
    results = results_folder(config, ROOT / "config.yaml")
    rows = [line.split("\t") for line in planned(file, "--summary").splitlines() if line.startswith(f"{results}/")]
    made = {row[0].removeprefix(f"{results}/"): row[2] for row in rows}
    told = {job.place(names): job.rule for job, names in records(config)}
    assert told == {place: made.get(place) for place in told}
    assert {place for place in made if place.endswith("manifest.json")} <= set(told)
    assert set(made.values()) - {"all"} == set(told.values())


@pytest.mark.process
def test_the_logs_of_the_table_are_those_of_the_rules(study: tuple[Config, Path]) -> None:
    config, file = study
    commands = planned(file, "--dry-run", "--forceall", "--printshellcmds")
    made = sorted(zip(PROGRAM.findall(commands), LOG.findall(commands), strict=True))
    jobs = jobs_of(config, Path())
    assert made == sorted((BY_RULE[job.rule].program, str(job.log)[len("logs/") : -len(".log")]) for job in jobs)


@pytest.mark.process
def test_runs_of_the_pool_are_measured_on_what_the_others_are_measured_on(study: tuple[Config, Path]) -> None:
    """Else a difference of images would be told as an effect of every family."""
    _, file = study
    commands = planned(file, "--dry-run", "--forceall", "--printshellcmds")
    for program, option in (("evaluate", "splits"), ("curvature", "data"), ("penalties", "data")):
        own = re.findall(rf"python -m weightscape\.stages {program} .* --{option} (.+?) --threads", commands)
        by_dataset: dict[str, set[str]] = {}
        for places in own:
            by_dataset.setdefault(places.split("1_data/")[1].split("/")[0], set()).add(places)
        assert all(len(places) == 1 for places in by_dataset.values())


@pytest.mark.parametrize(
    ("place", "program"),
    [
        ("1_data/backbones/lite/manifest.json", "backbone"),
        ("2_generate/digits/judge/manifest.json", "train_judge"),
        ("2_generate/digits/ddpm/recipe-guided/shard-00000.json", "generate"),
        ("3_assemble/digits/real/manifest.json", "assemble"),
        ("5_spectra/before/lite/manifest.json", "spectra_before"),
        ("7_figures/esd.json", "figure"),
        ("1_data/digits/train/provenance.json", None),
        ("1_data/fetched/data-cifar10.provenance.json", None),
        ("2_generate/digits/ddpm/quality.json", None),
        ("7_figures/esd.provenance.json", None),
    ],
)
def test_a_record_tells_its_job_by_its_place(place: str, program: str | None) -> None:
    recorded = job_of(place)
    assert (recorded.kind.program if recorded else None) == program


def test_every_record_of_a_study_tells_its_job_and_names(study: tuple[Config, Path]) -> None:
    config, _ = study
    for job, names in records(config):
        recorded = job_of(job.place(names), job.program)
        assert recorded is not None and (recorded.kind, recorded.names) == (job, names)


def test_tables_are_gathered_from_the_folders_of_the_records() -> None:
    rules = {
        "split": "data",
        "generator": "measure_quality",
        "diversity": "measure_diversity",
        "run": "finetune",
        "evaluation": "evaluate",
        "curvature": "curvature",
        "penalties": "penalties",
        "spectra": "spectra",
        "spectra_before": "spectra_before",
    }
    assert {kind: f"{folder}/manifest.json" for kind, folder in FOLDERS.items()} == {
        kind: BY_RULE[rule].record for kind, rule in rules.items()
    }


@pytest.mark.parametrize("measured", ["evaluation", "curvature", "penalties"])
def test_what_one_job_measures_of_several_runs_is_expected_of_each(measured: str) -> None:
    config = load(ROOT / "config.yaml", None)
    seeds = config["study"]["seeds"]
    assert len(seeds) > 1
    family = config["curvature"]["families"][0]
    places = expected(config)
    conditions = {f"{family}/{dose}": seeds for dose in config["families"][family]["doses"]}
    for condition, own in {**conditions, "baseline/baseline": range(12)}.items():
        for seed in own:
            assert any(place.endswith(f"/{condition}/seed{seed}/{measured}/manifest.json") for place in places)
