"""The stale matrix: edits of a finished smoke study, and exactly which jobs must run again.

`PYTHONPATH=tests:workflow python tests/faults/stale_matrix.py` writes workflow/docs/staleness.md from it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from faults import code_table
from toy_project import ROOT, STUDY, Project
from weightscape.study.jobs import jobs_of

PAGE = ROOT / "workflow" / "docs" / "staleness.md"
LIBRARY = "workflow/weightscape"

# Jobs by the names of their logs. Each group holds what lies downstream of it.
REPORT = ("report",)
FIGURES = ("figure/*", *REPORT)
EFFECTS = ("analyse", *FIGURES)
TABLES = ("aggregate", *EFFECTS)
SPECTRA = ("spectra/*", *TABLES)
TRAINING = ("finetune/*", "evaluate/*", "curvature/*", *SPECTRA)
DIVERSITY = ("measure_diversity/*", *TABLES)
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
TRAINING_SET = (*GENERATOR, "assemble/*", "measure_diversity/*", *TRAINING)
CORRUPTED = ("corrupt/*", "evaluate/*", *TABLES)
IMAGES = (
    "data/digits.[tve]*",
    "corrupt/*",
    "train_judge/*",
    *TRAINING_SET,
)
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


RUN = "4_finetune/digits/efficientnet-lite0/noise/weak/seed0"
LAST = [
    '      n: {type: count, about: "runs without a usable value"}\n',
    '      reason: {type: text, about: "why no test sees it"}\n',
]
REORDERED = ("".join(LAST), "".join(LAST[::-1]))
REPLACED = ("steps: 72", "steps: 73")
NEW_SET = {"source": "uci_digits", "framing": "full", "images": 10}


def comment(project: Project) -> None:
    """A comment in the code that every stage uses."""
    path = f"{LIBRARY}/formats/writing.py"
    project.write(path, "# A comment.\n" + (project.root / path).read_text())


def docstring(project: Project) -> None:
    """Another docstring in the code that trains."""
    path = f"{LIBRARY}/finetune/training.py"
    project.replace(path, '"""Fine-tuning: one', '"""Fine-tuning in other words: one')


def error(project: Project) -> None:
    """Another sentence for a user's error in the code that every stage uses."""
    project.replace(f"{LIBRARY}/formats/writing.py", "cannot be written", "is not to be written")


def touch(project: Project) -> None:
    """Touch every file of the project and its results."""
    for path in sorted(project.root.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()


def backwards(project: Project) -> None:
    """Times of modification in the reverse order of making, as a clock that was set back leaves them."""
    import os

    paths = sorted((path for path in project.results.rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime)
    times = [path.stat().st_mtime for path in paths]
    for path, time in zip(paths, reversed(times), strict=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (time, time))


def other_content(project: Project) -> None:
    """Another training set under the same name, with its record."""
    from weightscape.formats.json_yaml import read_json
    from weightscape.formats.shards import ImageSet, read_shard, write_shard
    from weightscape.formats.writing import digest, sha256

    folder = project.results / "1_data/digits/train"
    shard = folder / "shard-00000.safetensors"
    old = read_shard(shard)
    write_shard(shard, ImageSet(old.images[::-1].copy(), old.labels[::-1].copy()))
    record = read_json(folder / "manifest.json")
    record["outputs"][shard.name] = sha256(shard)
    record["digest"] = digest({key: value for key, value in record.items() if key != "digest"})
    import json

    project.write(str((folder / "manifest.json").relative_to(project.root)), json.dumps(record))


def tampered(project: Project) -> None:
    """One bit of a weight file."""
    path = project.results / RUN / "after.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    project.write(str(path.relative_to(project.root)), bytes(content))


def lose_metadata(project: Project) -> None:
    """Remove Snakemake's own folder."""
    import shutil

    shutil.rmtree(project.root / ".snakemake")


def copied_results(project: Project) -> None:
    """The results, copied by hand into a fresh clone."""
    import shutil

    from toy_project import new_project

    lose_metadata(project)
    for name in ("workflow", "envs"):
        shutil.rmtree(project.root / name)
    new_project(project.root)
    touch(project)


def one_record_lost(project: Project) -> None:
    """Bring in the results of one run from elsewhere."""
    import base64

    name = f"results/studies/smoke/{RUN}/manifest.json"
    (project.root / ".snakemake/metadata" / base64.urlsafe_b64encode(name.encode()).decode()).unlink()


def results_of_others(project: Project) -> None:
    """The records of the analysis as another machine made them, by other settings."""
    import json

    from weightscape.formats.json_yaml import read_json
    from weightscape.formats.writing import digest

    path = project.results / "6_metrics/analyse.json"
    record = {key: value for key, value in read_json(path).items() if key != "digest"}
    record["settings"]["analyse"]["alpha"] = 0.2
    record["settings_digest"] = digest(record["settings"])
    project.write(str(path.relative_to(project.root)), json.dumps({**record, "digest": digest(record)}))


def older_caption(project: Project) -> None:
    """Another caption with a time before that of the page, as rsync brings it from another machine."""
    import os

    path = "workflow/report/captions/esd.md"
    project.write(path, "Older words.\n")
    os.utime(project.root / path, (1e9, 1e9))


def other_study(project: Project) -> None:
    """Results of another study beside these."""
    project.write("results/studies/other/1_data/digits/val/manifest.json", "{}")


def new_figure(project: Project) -> None:
    """A further figure, with its module and caption."""
    source = (project.root / f"{LIBRARY}/figures/esd.py").read_text()
    project.write(f"{LIBRARY}/figures/esd_again.py", source)
    project.write("workflow/report/captions/esd_again.md", "Again.\n")
    project.set("figures", [*project.config()["figures"], "esd_again"])


def new_backbone(project: Project) -> None:
    """The same network under another name."""
    block = project.config()["backbones"]["efficientnet-lite0"]
    project.set("backbones/again", block)
    project.set("study/backbones", ["efficientnet-lite0", "again"])


def without_set(project: Project) -> None:
    """One out-of-distribution set fewer."""
    for name in ("config.yaml", STUDY):
        project.drop("data/digits/ood/blur-3", name)


ROWS = [
    # every block of the config
    key("study/seed", 1, "data/*", "corrupt/*", *TRAINING_SET, "train_judge/*", "spectra_before/*"),
    key("study/shards", 2, "data/*", *IMAGES),
    key("data/digits/splits/val", 60, *IMAGES),
    key("data/digits/ood/uci-digits/images", 60, "data/digits.ood-uci-digits", "evaluate/*", *TABLES),
    key("data/digits/ood/blur-3/severity", 4, "corrupt/digits.ood-blur-3", "evaluate/*", *TABLES),
    key("backbones/efficientnet-lite0/weights", "none", "backbone/*", "spectra_before/*", *DIVERSITY, *TRAINING),
    key("backbones/efficientnet-lite0/input/size", 28, "measure_diversity/*", *TRAINING),
    key("backbones/efficientnet-lite0/batch_norm_momentum", 0.2, *TRAINING),
    key("generate/model/layers", 2, *GENERATOR),
    key("generate/training/steps", 21, *GENERATOR),
    key("generate/sampling/sampler_steps", 5, *SAMPLING),
    key("generate/judge/epochs", 3, "train_judge/*", "measure_quality/*", *DIVERSITY),
    key("generate/quality/neighbours", 4, "measure_quality/*", *TABLES),
    key("families/noise/doses/strong/sigma", 0.06, *of_condition("noise.strong")),
    key("families/synthetic_add/doses/half/share", 0.4, *of_condition("synthetic_add.half")),
    key("families/label_noise/doses/fifth/share", 0.3, *of_condition("label_noise.fifth")),
    key("families/dropout/doses/weak/head", 0.25, *REPORT),  # the page shows the whole config
    key("diversity/common_rows", 30, *DIVERSITY),
    key("finetune/learning_rate", 0.003, *TRAINING),
    key("evaluate/calibration_bins", 10, "evaluate/*", *TABLES),
    key("curvature/probes", 3, "curvature/*", *TABLES),
    key("spectra/mp_fit", False, "spectra_before/*", *SPECTRA),
    key("analyse/metrics", ["log_norm", "alpha"], *EFFECTS),
    # code
    Row("a comment in the code of every stage", comment),
    Row("a docstring in the code of a stage", docstring),
    Row("an error sentence in the code of every stage", error),
    code("data/digits.py", "data/*", *IMAGES),
    code("data/huggingface.py"),
    code("formats/writing.py", *EVERYTHING),
    code("data/corruptions.py", *CORRUPTED),
    code("generate/sampler.py", *SAMPLING),
    code("diversity/vendi.py", *DIVERSITY),
    code("finetune/training.py", *TRAINING),
    code("finetune/evaluation.py", "evaluate/*", *TABLES),
    code("finetune/curvature.py", "curvature/*", *TABLES),
    code("spectra/table.py", "spectra_before/*", *SPECTRA),
    code("metrics/tables/evaluation.py", *TABLES),
    code("metrics/effects.py", *TABLES),
    code("figures/esd.py", "figure/esd", *REPORT),
    code("commands/status.py"),
    Row(
        "the shell text of a rule",
        lambda p: p.replace("workflow/rules/6_metrics.smk", "stages.analyse --set", "stages.analyse  --set"),
        EFFECTS,
    ),
    # files
    Row("every file touched", touch),
    Row("a clock that was set back", backwards),
    Row("another training set in the same place", other_content, (*TRAINING_SET,)),
    Row("one bit of a weight file", tampered, verify=f"tampered {RUN}/after.safetensors"),
    Row("a page in `workflow/docs`", lambda p: p.write("workflow/docs/scale.md", "Other words.\n")),
    Row("a caption", lambda p: p.write("workflow/report/captions/esd.md", "Other words.\n"), REPORT),
    Row("a caption in place of a newer one", older_caption, REPORT),
    Row(
        "the order of a table's columns in its schema",
        lambda p: p.replace("workflow/schemas/tables.schema.yaml", *REORDERED),
        TABLES,
    ),
    Row("a value of `config.yaml` that the study replaces", lambda p: p.replace("config.yaml", *REPLACED), REPORT),
    Row("a lock file", lambda p: p.write("envs/requirements.lock", "numpy==1\n")),
    Row("results of another study", other_study),
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
        ("assemble/*.seed1", "finetune/*.seed1", "spectra/*.seed1", "evaluate/*", "curvature/*", *DIVERSITY),
        study=True,
    ),
    Row(
        "a dose added",
        lambda p: p.set("families/noise/doses/more", {"sigma": 0.1}),
        of_condition("noise.more"),
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
        new_backbone,
        ("*/again", "*/*.again.*", "measure_diversity/*", *TABLES),
        study=True,
    ),
    Row(
        "an OOD set added",
        lambda p: p.set("data/digits/ood/new-set", NEW_SET),
        ("data/digits.ood-new-set", "evaluate/*", *TABLES),
        study=True,
    ),
    Row("a figure added", new_figure, ("figure/esd_again", *REPORT), study=True),
    Row("a dose removed", lambda p: p.drop("families/noise/doses/weak"), TABLES, study=True),
    Row("a family removed", lambda p: p.set("study/families", ["noise", "synthetic_add"]), TABLES, study=True),
    Row("an OOD set removed", without_set, ("evaluate/*", *TABLES), study=True),
    Row("a figure removed", lambda p: p.set("figures", p.config()["figures"][1:]), REPORT, study=True),
    # Snakemake's memory
    Row("`.snakemake` lost", lose_metadata, stops="run `weightscape adopt`"),
    Row("old results copied into a fresh clone", copied_results, stops="run `weightscape adopt`"),
    Row("results of other settings copied over these", results_of_others, stops="run `weightscape adopt`"),
    Row("one result brought in from elsewhere", one_record_lost, stops=f"the first: {RUN}/manifest.json"),
]


def page() -> str:
    """The matrix as a page: each change with the jobs that it makes stale, counted by rule."""
    import tempfile

    from toy_project import new_project

    lines = [
        "# What reruns when",
        "",
        "Jobs that run again after one change to the finished smoke study (8 runs). `PYTHONPATH=tests:workflow python",
        "tests/faults/stale_matrix.py` writes this page from the table that `make test-faults` checks job by job.",
        "",
        "| change | jobs that run again |",
        "|---|---|",
    ]
    for row in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(f"| {row.change} | {outcome(row, new_project(Path(folder)))} |")
    return "\n".join([*lines, *CODE, *code_table.table()]) + "\n"


CODE = [
    "",
    "## Which stages an edit of the code reruns",
    "",
    "A stage in bold has the edited module in the digest of its code; the others read what it makes. *(some)* means",
    "only the jobs that ask for the module: the splits of that source, downloads of that kind, or that figure. The",
    "digest is taken from the parsed code: layout, comments and the texts of errors and messages are no part of it.",
    "",
]


def outcome(row: Row, project: Project) -> str:
    """States in words the outcome that a row expects."""
    if row.stops:
        return "none: the workflow stops with a sentence that names `weightscape adopt`"
    if row.verify:
        remedy = (
            "`make restore` makes it again" if row.verify.startswith("missing") else "`weightscape adopt` deletes it"
        )
        return f"none: `weightscape verify` names it, {remedy}"
    if not row.reruns:
        return "none"
    if row.study:
        row.edit(project)
    counts = Counter(log.partition("/")[0] for log in row.expected(project))
    order = [job.rule for job in jobs_of(project.config(), Path())]
    names = sorted(counts, key=lambda name: order.index("assemble_real" if name == "assemble" else name))
    return ", ".join(f"{name} {counts[name]}" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page())
