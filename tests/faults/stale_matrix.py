"""The stale matrix: edits of a finished smoke study, and exactly which jobs must run again."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from faults import edits
from faults.edits import LIBRARY, RUN
from toy_project import Project
from weightscape.study.jobs import jobs_of

# Jobs by the names of their logs. Each group holds what lies downstream of it.
REPORT = ("report",)
FIGURES = ("figure/*", *REPORT)
EFFECTS = ("analyse", *FIGURES)
TABLES = ("aggregate", *EFFECTS)
SPECTRA = ("spectra/*", *TABLES)
TRAINING = ("finetune/*", "evaluate/*", "curvature/*", "penalties/*", *SPECTRA)
DIVERSITY = ("measure_diversity/*", *TABLES)
EMBEDDED = ("embed/*", *DIVERSITY)
SYNTHETIC_RUNS = (
    "assemble/*.synthetic_add.*",
    "measure_diversity/*.synthetic_add.half",
    "measure_diversity/*.synthetic_add.equal",
    "*/*.synthetic_add.half*",
    "*/*.synthetic_add.equal*",
    *TABLES,
)
SAMPLING = ("generate/*", "measure_quality/*", *SYNTHETIC_RUNS)
GENERATOR = ("train_generator/*", *SAMPLING)
TRAINING_SET = (*GENERATOR, "assemble/*", "embed/*", "measure_diversity/*", *TRAINING)
OF_CONDITIONS = (
    "evaluate/digits.efficientnet-lite0",
    "curvature/digits.efficientnet-lite0",
    "penalties/digits.efficientnet-lite0",
    "measure_diversity/digits",
)
"""Jobs of all runs of a condition, before its name."""
CORRUPTED = ("corrupt/*", "evaluate/*", *TABLES)
IMAGES = (
    "data/digits.[tve]*",
    "corrupt/*",
    "train_judge/*",
    *TRAINING_SET,
)
COMPARED = ("data/digits.[!t]*", "data/digits.test", "corrupt/*", "evaluate/*", "train_judge/*")
"""The splits in which the training set may have no copies, and what is made of them."""
EVERYTHING = ("*",)


def of_condition(name: str) -> tuple[str, ...]:
    """The jobs of one condition, e.g. `noise.weak`, and all tables."""
    return (f"*/*.{name}", f"*/*.{name}.seed*", *TABLES)


@dataclass(frozen=True)
class Row:
    """An edit, and what it makes stale: names of logs with wildcards, or the sentence that stops the workflow."""

    change: str
    edit: Callable[[Project], Any]
    reruns: tuple[str, ...] = ()
    stops: str = ""
    verify: str = ""
    """A part of what `weightscape verify` prints, where Snakemake cannot see the fault."""
    study: bool = False
    """Whether the edit changes what the study holds."""

    @property
    def name(self) -> str:
        """A name for test reports."""
        return "-".join(self.change.replace("`", "").split())

    def expected(self, project: Project) -> set[str]:
        """The jobs that the row names, of all jobs of the study as it now is."""
        logs = {str(job.log.relative_to("logs"))[: -len(".log")] for job in jobs_of(project.config(), Path())}
        return {log for log in logs if any(fnmatchcase(log, pattern) for pattern in self.reruns)}


def key(dotted: str, value: Any, *reruns: str) -> Row:
    """A changed key of the config."""
    return Row(f"config `{dotted.replace('/', '.')}`", lambda project: project.set(dotted, value), reruns, study=True)


def code(module: str, *reruns: str) -> Row:
    """A changed meaning of a module."""
    path = f"{LIBRARY}/{module}"
    return Row(
        f"code `{module}`",
        lambda project: project.write(path, (project.root / path).read_text() + "\n\nNEW = 1\n"),
        reruns,
    )


def missing(name: str, *reruns: str) -> Row:
    """A deleted result; an intermediate one is found by verify alone."""
    return Row(
        f"deleted `{name}`",
        lambda project: project.remove(name),
        reruns,
        verify="" if reruns else f"missing  {name}",
    )


LAST = [
    '      n: {type: count, about: "runs without a usable value"}\n',
    '      reason: {type: text, about: "why no test sees it"}\n',
]
REORDERED = ("".join(LAST), "".join(LAST[::-1]))
REPLACED = ("steps: 100 # optimiser", "steps: 101 # optimiser")
NEW_SET = {"source": "uci_digits", "framing": "full", "images": 10}


ROWS = [
    # every block of the config
    key("study/seed", 1, "data/*", "corrupt/*", *TRAINING_SET, "train_judge/*", "spectra_before/*"),
    key("study/shards", 2, "data/*", *IMAGES),
    key("data/digits/splits/val", 60, "data/*", *IMAGES),
    key("data/digits/ood/uci-digits/images", 60, "data/digits.ood-uci-digits", "evaluate/*", *TABLES),
    key("data/digits/ood/blur-3/severity", 4, "corrupt/digits.ood-blur-3", "evaluate/*", *TABLES),
    key("backbones/efficientnet-lite0/weights", "none", "backbone/*", "spectra_before/*", *EMBEDDED, *TRAINING),
    key("backbones/efficientnet-lite0/input/size", 28, *EMBEDDED, *TRAINING),
    key("backbones/efficientnet-lite0/batch_norm_momentum", 0.2, *TRAINING),
    key("generate/model/layers", 2, *GENERATOR),
    key("generate/training/steps", 21, *GENERATOR),
    key("generate/sampling/sampler_steps", 5, *SAMPLING),
    key("generate/sampling/guidance_below", 0.5, *SAMPLING),
    key("generate/judge/epochs", 3, "train_judge/*", "measure_quality/*", *DIVERSITY),
    key("generate/quality/neighbours", 4, "measure_quality/*", *TABLES),
    key("families/noise/doses/strong/sigma", 0.06, *of_condition("noise.strong"), "penalties/*"),  # it perturbs all
    key("families/synthetic_add/doses/half/share", 0.4, *of_condition("synthetic_add.half")),
    key("families/label_noise/doses/fifth/share", 0.3, *of_condition("label_noise.fifth")),
    key("families/dropout/doses/weak/head", 0.25, *REPORT),  # the page shows the whole config
    key("diversity/common_rows", 30, *EMBEDDED),
    key("finetune/learning_rate", 0.003, *TRAINING),
    key("evaluate/calibration_bins", 10, "evaluate/*", *TABLES),
    key("curvature/probes", 3, "curvature/*", *TABLES),
    key("penalties/draws", 3, "penalties/*", *TABLES),
    key("spectra/mp_fit", False, "spectra_before/*", *SPECTRA),
    key("analyse/metrics", ["log_norm", "log_stable_rank", "entropy"], *EFFECTS),
    # code
    Row("a comment in the code of every stage", edits.comment),
    Row("a docstring in the code of a stage", edits.docstring),
    Row("an error sentence in the code of every stage", edits.error),
    code("data/digits.py", "data/*", *IMAGES),
    code("data/huggingface.py"),
    code("formats/writing.py", *EVERYTHING),
    code("data/corruptions.py", *CORRUPTED),
    code("generate/sampler.py", *SAMPLING),
    code("diversity/vendi.py", *DIVERSITY),
    code("finetune/training.py", *TRAINING),
    code("finetune/evaluation.py", "evaluate/*", *TABLES),
    code("finetune/curvature.py", "curvature/*", *TABLES),
    code("finetune/penalties.py", "penalties/*", *TABLES),
    code("finetune/held_out.py", "curvature/*", "evaluate/*", "penalties/*", *TABLES),
    code("spectra/table.py", "spectra_before/*", *SPECTRA),
    code("metrics/tables/evaluation.py", *TABLES),
    code("metrics/effects.py", *TABLES),
    code("figures/esd.py", "figure/esd", *REPORT),
    code("commands/status.py"),
    Row(
        "the shell text of a rule",
        lambda p: p.replace("workflow/rules/6_metrics.smk", "stages analyse --set", "stages analyse  --set"),
        EFFECTS,
    ),
    # files
    Row("every file touched", edits.touch),
    Row("a clock that was set back", edits.backwards),
    Row("another training set in the same place", edits.other_content, (*COMPARED, *TRAINING_SET)),
    Row("one bit of a weight file", edits.tampered, verify=f"tampered {RUN}/after.safetensors"),
    Row("a page in `workflow/docs`", lambda p: p.write("workflow/docs/scale.md", "Other words.\n")),
    Row("a caption", lambda p: p.write("workflow/report/captions/esd.md", "Other words.\n"), REPORT),
    Row("a caption in place of a newer one", edits.older_caption, REPORT),
    Row(
        "the order of a table's columns in its schema",
        lambda p: p.replace("workflow/schemas/tables.schema.yaml", *REORDERED),
        TABLES,
    ),
    Row("the description of a column in its schema", edits.column_described),
    Row("the description of a table that the page offers", edits.table_described, REPORT),
    Row("a value of `config.yaml` that the study replaces", lambda p: p.replace("config.yaml", *REPLACED), REPORT),
    Row("a lock file", lambda p: p.write("envs/requirements.lock", "numpy==1\n")),
    Row("results of another study", edits.other_study),
    missing("8_report/report.html", *REPORT),
    missing("7_figures/esd.png", "figure/esd", *REPORT),
    missing("6_metrics/runs.parquet", *TABLES),
    missing("6_metrics/runs.csv", *TABLES),
    missing("6_metrics/claims.csv", *EFFECTS),
    missing(f"5_spectra/{RUN.partition('/')[2]}/esd.safetensors"),
    missing(f"{RUN}/after.safetensors"),
    missing("3_assemble/digits/real/items.parquet"),
    missing("2_generate/digits/ddpm/model/weights.safetensors"),
    missing("1_data/digits/val/shard-00000.safetensors"),
    # what the study holds
    Row(
        "a seed added",
        lambda p: p.set("study/seeds", [0, 1]),
        ("*/*.seed1", *(f"{name}.[!b]*" for name in OF_CONDITIONS), *TABLES),  # not of the baseline
        study=True,
    ),
    Row(
        "a baseline run added",
        lambda p: p.set("study/baseline_runs", 2),
        ("*/*.baseline.seed1", *(f"{name}.baseline.*" for name in OF_CONDITIONS), *TABLES),
        study=True,
    ),
    Row(
        "a dose added",
        lambda p: p.set("families/noise/doses/more", {"sigma": 0.1}),
        (*of_condition("noise.more"), "penalties/*"),  # the strongest perturbs all
        study=True,
    ),
    Row(
        "a family added",
        lambda p: p.set("study/families", ["noise", "synthetic_add", "label_noise", "dropout"]),
        ("*/*.dropout.*", *TABLES),
        study=True,
    ),
    Row(
        "a backbone added",
        edits.new_backbone,
        ("*/again", "embed/digits.again", "*/*.again.*", "measure_diversity/*", *TABLES),
        study=True,
    ),
    Row(
        "an OOD set added",
        lambda p: p.set("data/digits/ood/new-set", NEW_SET),
        ("data/digits.ood-new-set", "evaluate/*", *TABLES),
        study=True,
    ),
    Row("a figure added", edits.new_figure, ("figure/esd_again", *REPORT), study=True),
    Row("a dose removed", lambda p: p.drop("families/noise/doses/weak"), TABLES, study=True),
    Row("a family removed", lambda p: p.set("study/families", ["noise", "synthetic_add"]), TABLES, study=True),
    Row("an OOD set removed", edits.without_set, ("evaluate/*", *TABLES), study=True),
    Row("a figure removed", lambda p: p.set("figures", p.config()["figures"][1:]), REPORT, study=True),
    # Snakemake's memory
    Row("`.snakemake` lost", edits.lose_metadata, stops="run `weightscape adopt`"),
    Row("old results copied into a fresh clone", edits.copied_results, stops="run `weightscape adopt`"),
    Row(
        "one run of other settings copied over",
        edits.result_of_others,
        (
            *(f"{stage}/*.noise.weak" for stage in ("evaluate", "curvature", "penalties")),
            "spectra/*.noise.weak.seed0",
            *TABLES,
        ),
        verify=f"stale    {RUN}/manifest.json",
    ),
]
