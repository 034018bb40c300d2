"""
What all stages share: the checked config, each job's settings and code digest, and paths that depend on the study.
"""

import functools
import gc
import json
import os
import re
import sys
from pathlib import Path

# The plan of a large grid is one growing graph, in which the collector of cyclic garbage finds nothing.
gc.set_threshold(200_000, 20, 20)

WORKFLOW = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(WORKFLOW))
# Rules find the package in any environment, and a job never takes more threads than it was given.
os.environ["PYTHONPATH"] = str(WORKFLOW)
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# Memory that is freed is kept for the next batch: page faults are a tenth of the time of inference.
os.environ.update(
    MALLOC_MMAP_THRESHOLD_="33554432", MALLOC_TRIM_THRESHOLD_="2000000000"
)
# Imports are compiled once, not in every job.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# On SIGTERM the shell waits for its program, which saves a checkpoint; else a cluster takes the job for ended.
shell.prefix("set -euo pipefail; trap : TERM; ")

from weightscape import errors
from weightscape.data import digits, readers
from weightscape.engine import metadata, snakefile, stopping, telling
from weightscape.families import (
    DIVERSITY_FAMILIES,
    alters_items,
    needs_extra,
    needs_generator,
)
from weightscape.formats import shards as shard_files
from weightscape.formats.packed_text import packed, unpacked
from weightscape.metrics import table_schema
from weightscape.provenance.code_digest import code_digest as digest_of_code
from weightscape.provenance.file_contents import content_of
from weightscape.published import table_files
from weightscape.report.chapters import chapter_of
from weightscape.study import assets, corruptions, doses, jobs, recipes, study
from weightscape.study import settings as stage_settings
from weightscape.study.checks import networks as network_checks
from weightscape.study.checks import own_files
from weightscape.study import config as study_config
from weightscape.verification import dropped_weights
from snakemake.scheduling.job_scheduler import JobScheduler

stopping.in_own_thread(JobScheduler)
telling.logs_of_failed_jobs(workflow.logger_manager.logger)

# On a cluster each job has a Snakemake of its own, which reads everything anew. It takes the config and the digests of
# the code that its head planned with: a config edited since is for the next start, edited code the program finds.
VARIABLE = "WEIGHTSCAPE_PLANNED"
PLANNED = (
    json.loads(unpacked(os.environ.get(VARIABLE, "{}"))) if workflow.remote_exec else {}
)
if PLANNED:
    config = PLANNED["config"]
else:
    try:
        config = study_config.checked(config)
        own_files.check_tables(config)
        if workflow.is_main_process:
            study_config.check_named(
                WORKFLOW.parent / "config.yaml",
                map(Path, workflow.overwrite_configfiles),
            )
            network_checks.check(config)
            metadata.check_known(
                Path(
                    study_config.results_folder(config, WORKFLOW.parent / "config.yaml")
                ),
                Path.cwd(),
                config,
            )
    except errors.UserError as fault:
        sys.exit(f"error: {fault}")
    PLANNED = {"config": config, "code": {}}


onstart:
    # Snakemake's limit of jobs per second plans anew once a second for every job that has ever finished, which takes
    # a whole core after some 200 jobs (9.27). Nothing here starts jobs that fast.
    workflow.scheduler.job_rate_limiter = None
    planned = list(workflow.dag.needrun_jobs())
    keep_unmeasured_weights(planned)
    stop_before_the_first_job(planned)


wildcard_constraints:
    **jobs.wildcards(config),


def figure_digest(wildcards):
    """The meaning of the code of one figure: the program and the figure's own module."""
    return code_digest("figure", f"figures.{wildcards.figure}")


def figure_chapter(wildcards):
    """The chapter of Snakemake's own report that a figure stands in: as on the page."""
    return chapter_of(wildcards.figure)


SEEDS = config["study"]["seeds"]


def results_folder(config):
    """`results` for the study of config.yaml, `results/studies/{name}` for every other."""
    return study_config.results_folder(config, Path(workflow.basedir) / "config.yaml")


def settings(stage):
    """The settings of a stage's job as JSON, from its wildcards: exactly the keys that the stage uses."""
    names = stage_settings.wildcards_of(stage)

    @functools.cache  # jobs that differ in other wildcards share one text
    def text(*values):
        part = stage_settings.settings(config, stage, dict(zip(names, values)))
        return packed(json.dumps(part, sort_keys=True))

    return lambda wildcards: text(*(wildcards[name] for name in names))


def code_digest(stage, *further):
    """The meaning of a stage's code, with further modules that it chooses at run time."""
    name = " ".join([stage, *further])
    if name not in PLANNED["code"]:
        PLANNED["code"][name] = digest_of_code(stage, *further)
        os.environ[VARIABLE] = packed(json.dumps(PLANNED))
    return PLANNED["code"][name]


for drawn in config["figures"]:
    code_digest("figure", f"figures.{drawn}")


def folder_of(name):
    """The folder of an input list's files, as a params function."""
    return lambda wildcards, input: str(Path(input[name][0]).parent)


def contents_of(stage, *files):
    """Digest of input files by their bytes, as a param: what is replaced by an older file makes its stage stale, too.

    It takes no `input`, for Snakemake does not record params that follow from its input.
    """
    return content_of(Path(), [Path(path) for path in files], stage)


def kept_or_temp(path):
    """A file of a run's weights, which Snakemake removes after its last use unless all weights are kept."""
    return path if config["study"]["keep_weights"] == "all" else temp(path)


def drawn_figures():
    """The figures' files, so that one that was deleted is drawn again; published tables have figures of their own."""
    figures = config["figures"] if config["study"]["start"] == "data" else []
    return expand(
        "<results>/7_figures/{figure}.{ending}", figure=figures, ending=["pdf", "png"]
    )


def kept_weights():
    """Weights that stay because the last target asks for them: those of the first seed, if only these are kept."""
    if config["study"]["keep_weights"] != "seed0":
        return []
    return [
        f"<results>/4_finetune/{run.path}/{name}.safetensors"
        for run in study.runs(config)
        if run.seed == SEEDS[0]
        for name in ("initial", "after")
    ]


def keep_unmeasured_weights(planned):
    """Of the weights that Snakemake would remove after their last use in this call, keep those that are to stay, and
    those of runs that are not wholly measured when it ends: a call may have other targets than `all`.
    """
    if config["study"]["keep_weights"] == "all":
        return
    made = {str(path) for job in planned for path in job.output}
    folder = Path(results_folder(config))
    runs = {run.path: run for run in study.runs(config)}
    for job in workflow.dag.jobs:
        if job.rule.name != "finetune":
            continue
        path = Path(job.output.manifest).parent
        run = runs[str(path.relative_to(folder / "4_finetune"))]
        measures = [folder / place for place in jobs.measures_of(config, run)]
        missing = [
            place
            for place in measures
            if str(place) not in made
            and (
                job.output.manifest in made
                or not dropped_weights.is_measured(path, place)
            )
        ]
        first = config["study"]["keep_weights"] == "seed0" and run.seed == SEEDS[0]
        if first or missing:
            for output in job.output:
                output.flags.pop("temp", None)


def stop_before_the_first_job(jobs):
    """Stop a plan whose results cannot be written, or that trains runs again because their weights were dropped."""
    unchanged = dropped_weights.unchanged(workflow.dag, jobs)
    planned = (
        (Path(job.output.manifest), job.params.settings, job.params.code)
        for job in unchanged
        if job.rule.name == "finetune"
    )
    try:
        snakefile.check_writable(path for job in jobs for path in job.output)
        if metadata.ADOPTING not in os.environ:  # adopting only touches
            dropped_weights.check(config, planned)
    except errors.UserError as fault:
        sys.exit(f"error: {fault}")


telling.in_dry_runs(JobScheduler, stop_before_the_first_job)

AGGREGATED = table_schema.files("aggregate")
ANALYSED = table_schema.files("analyse")
REANALYSED = table_schema.files("reanalyse")
REANALYSIS_FIGURES = [
    "family_means",
    "layer_curves",
    "family_tests",
    "condition_effects",
    "group_similarity",
]


def parquet(files):
    """Those that programs read; csv files are for people."""
    return [name for name in files if name.endswith(".parquet")]


def tables():
    """The tables that people take, so that one that was deleted, or lost with a job that failed, is made again."""
    from_tables = config["study"]["start"] == "tables"
    files = REANALYSED if from_tables else AGGREGATED + ANALYSED
    return expand("<results>/6_metrics/{file}", file=files)


def published_tables():
    """Every csv file in the folder of published tables."""
    folder = Path(config["reanalyse"]["tables"])
    return [str(folder / name) for name in table_files.csv_files(folder)]
