"""The tree holds its promises: who may import whom, no circles, and no loose module but those that DESIGN 3 names."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

from weightscape.project import PACKAGE, WORKFLOW

LOOSE = {"cli", "errors", "families", "progress", "project", "seeds", "words"}
COMMON = LOOSE - {"cli"}
FORMATS = COMMON | {"formats"}
LIBRARIES = FORMATS | {"provenance", "networks", "augmentations", "diversity"}
STAGES = ("data", "generate", "assemble", "finetune", "spectra", "metrics", "figures", "report", "published")
ALLOWED = (
    dict.fromkeys(COMMON, COMMON)
    | {"formats": FORMATS, "provenance": FORMATS | {"provenance"}}
    | {name: FORMATS | {name} for name in ("networks", "augmentations")}
    | {"diversity": FORMATS | {"networks", "diversity"}}
    | {name: LIBRARIES | set(STAGES[: place + 1]) for place, name in enumerate(STAGES)}
)
ALLOWED["stages"] = LIBRARIES | set(STAGES) | {"stages"}
ALLOWED["study"] = LIBRARIES | set(STAGES) | {"study"}
ALLOWED |= {name: ALLOWED["study"] | {name} for name in ("costs", "verification")}
ALLOWED["engine"] = ALLOWED["verification"] | {"engine"}
ALLOWED["library"] = ALLOWED["study"] | {"library"}
ALLOWED["starter"] = ALLOWED["costs"] | {"starter"}
ALLOWED["commands"] = ALLOWED["engine"] | {"costs", "stages", "library", "starter", "commands"}
ALLOWED["cli"] = ALLOWED["commands"]


def imported(path: Path) -> Iterator[str]:
    """Names of what a module imports of the package, below the package; `a.b` where `b` is a module of `a`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            base = (node.module or "").removeprefix(PACKAGE.name).removeprefix(".")
            for alias in node.names:
                whole = f"{base}.{alias.name}".removeprefix(".")
                yield whole if whole in MODULES else base
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("weightscape.") for a in node.names if a.name.startswith("weightscape."))


def module_of(path: Path) -> str:
    """The name of a file's module below the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_of(path): path for path in PACKAGE.rglob("*.py")}
MODULES = set(FILES)


def test_only_the_named_modules_lie_loose_in_the_package() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == LOOSE | {"__init__"}


def test_every_import_goes_in_a_direction_of_the_design() -> None:
    against = [
        f"{name} imports {other}"
        for name, path in FILES.items()
        for other in imported(path)
        if other and other.split(".")[0] not in ALLOWED[name.split(".")[0]]
    ]
    assert not against


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: set(imported(path)) - {name} for name, path in FILES.items()}
    tuple(graphlib.TopologicalSorter(graph).static_order())


def test_only_the_engine_and_the_rules_name_snakemake_or_slurm() -> None:
    """In code: imports, names, programs, options and paths. Sentences for people (with a space) may name them."""
    naming = {
        name
        for name, path in FILES.items()
        if not name.startswith("engine.")
        for node in ast.walk(ast.parse(path.read_text()))
        if ENGINE.search(code_of(node)) and (name, code_of(node)) not in NAMED
    }
    assert not naming


ENGINE = re.compile(r"snakemake|\b(slurm|squeue|sbatch|scancel)\b", re.IGNORECASE)
NAMED = {
    ("provenance.records", "snakemake"),  # its version is recorded
    ("verification.results", "snakemake.html"),  # its own report may lie beside the results
    ("commands.cluster", "slurm"),  # the folder of the profile, and the module of the engine
    ("commands.cluster", "from weightscape.engine import slurm"),
}


def code_of(node: ast.AST) -> str:
    """The text of a name, an import, or a constant without a space; nothing for other nodes."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) and " " not in node.value else ""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Import | ast.ImportFrom) else ""


def test_no_docstring_opens_with_what() -> None:
    """In the package, the rules and the tests: the first sentence names who does it."""
    top = WORKFLOW.parent
    opening = [
        f"{path.relative_to(top)}:{node.body[0].lineno}"
        for path in [*PACKAGE.rglob("*.py"), *(top / "tests").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, DOCUMENTED) and re.match(r"What\b", ast.get_docstring(node) or "")
    ]
    rules = {path.name: path.read_text() for path in [top / "Snakefile", *(WORKFLOW / "rules").glob("*.smk")]}
    opening += [name for name, text in rules.items() if re.search(r'"""\s*What\b', text)]
    assert not opening


DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def test_the_rules_are_numbered_as_the_packages_of_the_stages() -> None:
    numbered = [path.stem.split("_", 1)[1] for path in sorted((WORKFLOW / "rules").glob("[1-8]_*.smk"))]
    assert set(numbered) - {"reanalyse"} == set(STAGES) - {"published"}


def test_every_unit_test_lies_where_its_module_does() -> None:
    """`test_{module}.py`, or `test_{module}_{topic}.py`, lies in the folder of the module's package."""
    modules = {(path.parent, path.stem.lstrip("_")) for path in FILES.values()} | {
        (PACKAGE, "layout"),
        (PACKAGE, "envs"),
    }
    strangers = [path for path in TESTS if not any((mirrored(path), name) in modules for name in names_of(path))]
    assert not strangers


def test_every_module_with_logic_has_its_test() -> None:
    """A file of its name, a test that imports it, or one of a module of its package that imports it."""
    own = {(mirrored(path), name) for path in TESTS for name in names_of(path)}
    tested = {name for name, path in FILES.items() if (path.parent, path.stem.lstrip("_")) in own}
    imports = {name: set(imported(path)) for name, path in FILES.items()}
    package = {name: name.rpartition(".")[0] for name in FILES}
    reached = tested.union(*map(imported, TESTS))
    reached |= {other for name in tested for other in imports[name] if package.get(other) == package[name]}
    bare = {name for name, path in FILES.items() if name not in reached and has_logic(path)}
    elsewhere = {name for name in bare if {name, name.split(".")[0]} & set(ELSEWHERE)}
    assert bare == elsewhere
    assert {name for name in ELSEWHERE if "." in name} <= bare, "a module of the list has its test"
    assert all((UNIT.parent / path).exists() for path in ELSEWHERE.values())


UNIT = WORKFLOW.parent / "tests" / "unit"
TESTS = sorted(UNIT.rglob("test_*.py"))
ELSEWHERE = {
    "stages": "pipeline",  # programs of some lines, which are run whole
    "figures": "unit/stages/test_figure.py",  # draws each of them
    "assemble.seen_epoch": "unit/stages/test_measure_diversity.py",
    "commands.adopt": "faults/test_adoption.py",
    "commands.restore": "faults/test_stale_matrix.py",
    "commands.resume": "faults/test_kills.py",
    "commands.verify": "faults/test_stale_matrix.py",
    "data.fetch_backbone": "unit/networks/test_pretrained.py",
    "data.fetch_torchvision": "unit/data/test_torchvision_sets.py",
    "diversity.own_images": "unit/commands/test_diversity.py",
    "diversity.spaces": "unit/stages/test_measure_diversity.py",
    "finetune.kept_weights": "pipeline/test_dropped_weights.py",
    "formats.shard_room": "unit/data/test_image_folder.py",
    "generate.encoded_prompts": "unit/generate/test_pipeline_families.py",
    "generate.shard": "unit/stages/test_generate_killed.py",
    "published.own_tables": "unit/library/test_results.py",
    "spectra.plotting": "unit/commands/test_spectra_checkpoints.py",
    "spectra.resuming": "unit/commands/test_spectra_checkpoints.py",
}
"""Packages and modules that are tested where a person types or the workflow runs them, and the tests that do so."""


def mirrored(test: Path) -> Path:
    """The folder of the package that a unit test's folder stands for."""
    return PACKAGE / test.parent.relative_to(UNIT)


def names_of(test: Path) -> list[str]:
    """The names that the module of a unit test may have: `a_b` and `a` of test_a_b.py."""
    words = test.stem.removeprefix("test_").split("_")
    return ["_".join(words[:length]) for length in range(1, len(words) + 1)]


def has_logic(path: Path) -> bool:
    """Whether a module defines a function."""
    functions = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return path.stem != "__init__" and any(functions)
