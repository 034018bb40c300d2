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

from weightscape import (
    assets,
    code,
    dropouts,
    errors,
    images,
    own_files,
    ownership,
    retraining,
    study,
)
from weightscape.config import check_tables, checked
from weightscape.page.order import chapter_of

# On a cluster each job has a Snakemake of its own, which reads everything anew. It takes the config and the digests of
# the code that its head planned with: a config edited since is for the next start, edited code the program finds.
VARIABLE = "WEIGHTSCAPE_PLANNED"
PLANNED = json.loads(os.environ.get(VARIABLE, "{}")) if workflow.remote_exec else {}
if PLANNED:
    config = PLANNED["config"]
else:
    try:
        config = checked(config)
        check_tables(config)
        if workflow.is_main_process:
            dropouts.check(config)
            ownership.check_known(
                Path(study.results_folder(config, WORKFLOW.parent / "config.yaml")),
                Path.cwd(),
            )
    except errors.UserError as fault:
        sys.exit(f"error: {fault}")
    PLANNED = {"config": config, "code": {}}


onstart:
    # Snakemake's limit of jobs per second plans anew once a second for every job that has ever finished, which takes
    # a whole core after some 200 jobs (9.27). Nothing here starts jobs that fast.
    workflow.scheduler.job_rate_limiter = None
    stop_before_retraining(workflow.dag.needrun_jobs())


wildcard_constraints:
    dataset="|".join(map(re.escape, config["study"]["datasets"])),
    split=r"[a-z0-9.-]+",
    backbone=r"[a-z0-9.-]+",
    generator=re.escape(config["generate"]["name"]),
    guidance=r"[0-9.]+",
    shard=r"\d{5}",
    asset=r"[a-z0-9.-]+",
    family=r"[a-z_]+",
    dose=r"[a-z0-9.-]+",
    seed=r"\d+",
    figure=r"[a-z_]+",


def figure_digest(wildcards):
    """The meaning of the code of one figure: the program and the figure's own module."""
    return code_digest("figure", f"figures.{wildcards.figure}")


def figure_chapter(wildcards):
    """The chapter of Snakemake's own report that a figure stands in: as on the page."""
    return chapter_of(wildcards.figure)


SEEDS = config["study"]["seeds"]


def results_folder(config):
    """`results` for the study of config.yaml, `results/studies/{name}` for every other."""
    return study.results_folder(config, Path(workflow.basedir) / "config.yaml")


def settings(stage):
    """The settings of a stage's job as JSON, from its wildcards: exactly the keys that the stage uses."""
    names = study.wildcards_of(stage)

    @functools.cache  # jobs that differ in other wildcards share one text
    def text(*values):
        part = study.settings(config, stage, dict(zip(names, values)))
        return json.dumps(part, sort_keys=True)

    return lambda wildcards: text(*(wildcards[name] for name in names))


def code_digest(stage, *further):
    """The meaning of a stage's code, with further modules that it chooses at run time."""
    name = " ".join([stage, *further])
    if name not in PLANNED["code"]:
        PLANNED["code"][name] = code.code_digest(stage, *further)
        os.environ[VARIABLE] = json.dumps(PLANNED)
    return PLANNED["code"][name]


for drawn in config["figures"]:
    code_digest("figure", f"figures.{drawn}")


def folder_of(name):
    """The folder of an input list's files, as a params function."""
    return lambda wildcards, input: str(Path(input[name][0]).parent)


def asset_settings(wildcards):
    """The settings of a download as JSON."""
    return json.dumps(assets.settings(config, wildcards.asset), sort_keys=True)


def fetched(names):
    """The records of downloads."""
    return [f"<results>/1_data/fetched/{name}.json" for name in names]


def fetched_data(wildcards):
    """The download that a split is read from; nothing for files that are there, and for corruptions."""
    if study.is_corruption(config, wildcards.dataset, wildcards.split):
        return []
    return fetched(assets.of_data(config, wildcards.dataset))


def fetched_backbone(wildcards):
    """The download of a backbone's weights; nothing for those from a package or a file."""
    return fetched(assets.of_backbone(config, wildcards.backbone))


def weights_file(wildcards):
    """The file of weights of one's own that a backbone names."""
    weights = config["backbones"][wildcards.backbone]["weights"]
    return [] if weights in own_files.KEYWORDS else [weights]


def decoding_threads(wildcards):
    """Packaged digits are decoded; files are read by several processes."""
    return 1 if config["data"][wildcards.dataset]["source"] == study.PACKAGED else 4


def shards(dataset, split):
    """The files of a split."""
    names = images.shard_names(config["study"]["shards"])
    return [f"<results>/1_data/{dataset}/{split}/{name}" for name in names]


def clean_test(wildcards):
    """The test images that a corruption starts from; nothing for other splits."""
    corrupted = study.is_corruption(config, wildcards.dataset, wildcards.split)
    return shards(wildcards.dataset, "test") if corrupted else []


def generated(dataset, guidance, ending):
    """The generator's shards at one guidance, or the records beside them, by `ending`."""
    folder = f"<results>/2_generate/{dataset}/{config['generate']['name']}/guidance-{float(guidance)}"
    return [
        f"{folder}/shard-{number:05d}.{ending}"
        for number in range(config["generate"]["shards"])
    ]


def generator_files(name):
    """A file of the generator that was trained here, as an input function; nothing for a pipeline of diffusers."""
    if config["generate"]["kind"] != "ddpm":
        return []
    return f"<results>/2_generate/{{dataset}}/{{generator}}/model/{name}"


def generator_assets(wildcards):
    """The records of the pipeline and of the gate's model."""
    return fetched(assets.of_generator(config))


def generator_train(kind):
    """The real training set, where a pipeline or the gate needs it: its shards or its manifest."""
    block = config["generate"]
    if block["kind"] == "ddpm" and block["gate"]["classifier"] == "none":
        return []
    if kind == "shards":
        return shards("{dataset}", "train")
    return "<results>/1_data/{dataset}/train/manifest.json"


def gate_judge(name):
    """A file of the judge, where the gate asks it."""
    judged = config["generate"]["gate"]["classifier"] == "judge"
    return f"<results>/2_generate/{{dataset}}/judge/{name}" if judged else []


def all_generated(ending):
    """The same over all guidances, as an input function."""
    return lambda wildcards: [
        path
        for guidance in study.guidances(config)
        for path in generated(wildcards.dataset, guidance, ending)
    ]


def synthetic(ending):
    """The synthetic shards or records that a condition draws from; nothing for conditions without."""

    def paths(wildcards):
        if not study.needs_generator(wildcards.family, wildcards.dose):
            return []
        guidance = study.dose_values(config, wildcards.family, wildcards.dose)[
            "guidance"
        ]
        return generated(wildcards.dataset, guidance, ending)

    return paths


def extra(ending):
    """The further real images that a condition draws from, or their record; nothing for conditions without."""

    def paths(wildcards):
        if not study.needs_extra(wildcards.family, wildcards.dose):
            return []
        if ending == "json":
            return [f"<results>/1_data/{wildcards.dataset}/extra/manifest.json"]
        return shards(wildcards.dataset, "extra")

    return paths


def further(ending):
    """What a condition draws from beside the training set: its synthetic shards or further real images."""
    generated, real = synthetic(ending), extra(ending)
    return lambda wildcards: [*generated(wildcards), *real(wildcards)]


def items_folder(dataset, family, dose, seed):
    """The folder of the item list that a run is trained on; conditions that leave the data alone share one."""
    if study.alters_items(family, dose):
        return f"<results>/3_assemble/{dataset}/{family}/{dose}/seed{seed}"
    return f"<results>/3_assemble/{dataset}/real"


def items(name):
    """A file of a run's item list, as an input function."""
    return lambda w: f"{items_folder(w.dataset, w.family, w.dose, w.seed)}/{name}"


def items_of_seeds(name):
    """The same for all seeds of a condition."""
    return lambda w: [
        f"{items_folder(w.dataset, w.family, w.dose, seed)}/{name}" for seed in SEEDS
    ]


def evaluated_splits(wildcards):
    """The manifests of the splits that runs are evaluated on."""
    names = study.evaluated_splits(config, wildcards.dataset)
    return [
        f"<results>/1_data/{wildcards.dataset}/{split}/manifest.json" for split in names
    ]


def evaluated_shards(wildcards):
    """The files of those splits."""
    names = study.evaluated_splits(config, wildcards.dataset)
    return [path for split in names for path in shards(wildcards.dataset, split)]


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


def stop_before_retraining(jobs):
    """Stop, before the first job, a plan that trains runs again because their weights were dropped."""
    planned = (
        (Path(job.output.manifest), job.params.settings, job.params.code)
        for job in jobs
        if job.rule.name == "finetune"
    )
    try:
        retraining.check(config, planned)
    except errors.UserError as fault:
        sys.exit(f"error: {fault}")


def runs(pattern):
    """A path of every run of the study; `{run}` in the pattern stands for the run's folder."""
    return [pattern.replace("{run}", run.path) for run in study.runs(config)]


def curvatures():
    """The curvature records of the runs for which the study asks."""
    curved = study.curved_conditions(config)
    return [
        f"<results>/4_finetune/{run.path}/curvature/manifest.json"
        for run in study.runs(config)
        if (run.family, run.dose) in curved
    ]


def diversities():
    """The diversity records of the study's conditions."""
    return [
        f"<results>/3_assemble/{dataset}/{family}/{dose}/diversity/manifest.json"
        for dataset in config["study"]["datasets"]
        for family, dose in study.conditions(config)
        if family in study.DIVERSITY_FAMILIES
    ]


def qualities():
    """The quality of each data set's generator, where the study has one."""
    if not study.uses_generator(config):
        return []
    return [
        f"<results>/2_generate/{dataset}/{config['generate']['name']}/quality.json"
        for dataset in config["study"]["datasets"]
    ]


def report_parts():
    """Template, style, script, charts and methods of the page."""
    return sorted(
        f"workflow/report/{path.name}"
        for path in (WORKFLOW / "report").iterdir()
        if path.is_file()
    )


AGGREGATED = [
    "runs",
    "evaluation",
    "class_accuracy",
    "layers",
    "diversity",
    "quality",
    "samples",
    "curvature",
    "spectra_examples",
    "quantiles",
    "esd",
    "reliability",
    "weight_change",
]
ANALYSED = [
    "effects",
    "run_effects",
    "excluded",
    "conditions",
    "condition_effects",
    "slopes",
    "similarity",
    "predictions",
    "tests",
    "claims",
]

REANALYSED = [
    "published",
    "published_layers",
    "effects",
    "run_effects",
    "similarity",
    "condition_effects",
    "slopes",
    "tests",
    "claims",
    "exclusions",
    "gaps",
]
REANALYSIS_FIGURES = [
    "family_means",
    "layer_curves",
    "family_tests",
    "condition_effects",
    "group_similarity",
]


def published_tables():
    """Every csv file in the folder of published tables."""
    folder = Path(config["reanalyse"]["tables"])
    return sorted(
        str(path)
        for ending in ("csv", "csv.gz")
        for path in folder.rglob(f"*.{ending}")
    )
