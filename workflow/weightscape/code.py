"""The meaning of a stage's code, as a digest.

The digest covers the stage's module and every module of this package that it imports, found statically and
transitively (imports inside functions included), and is taken from the parsed code without comments, docstrings
and formatting. A comment makes nothing stale; a changed constant does.
"""

import ast
import functools
import hashlib
from pathlib import Path

from weightscape.errors import UserError

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.name


def code_digest(stage: str, *further: str) -> str:
    """Hexadecimal digest of the code of `weightscape.stages.{stage}` and of all package modules below it.

    `further` names modules that the stage chooses at run time, e.g. "figures.esd".
    """
    found = modules(f"{ROOT}.stages.{stage}", *(f"{ROOT}.{name}" for name in further))
    lines = [f"{name} {_meaning(path)}" for name, path in sorted(found.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def check_code(stage: str, expected: str, *further: str) -> None:
    """Stop if the code of a stage is no longer the code that the workflow planned with."""
    if code_digest(stage, *further) != expected:
        raise UserError(
            f"the code of stage {stage} was edited after the workflow planned this job (planned {expected}): "
            "start snakemake again"
        )


def modules(*names: str) -> dict[str, Path]:
    """The package modules that the named ones import, themselves included, by name."""
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += _imports(name, path)
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return found


def _path(name: str) -> Path | None:
    """The file of a module of this package, or None for a name that is not a module of it."""
    first, *rest = name.split(".")
    if first != ROOT:
        return None
    base = PACKAGE.joinpath(*rest)
    candidates = [base / "__init__.py", base.with_suffix(".py") if rest else base / "__init__.py"]
    return next((path for path in candidates if path.is_file()), None)


def _imports(name: str, path: Path) -> list[str]:
    """Names of what a module imports; `from package import x` yields both the package and `package.x`."""
    package = name if path.name == "__init__.py" else name.rsplit(".", 1)[0]
    names: list[str] = []
    for node in ast.walk(_parsed(path, path.stat().st_mtime_ns)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([base] if base else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names


@functools.lru_cache(maxsize=1024)
def _parsed(path: Path, _modified: int) -> ast.Module:
    return ast.parse(path.read_text())


def _meaning(path: Path) -> str:
    """Digest of a module's syntax tree without docstrings and positions."""
    return _tree_digest(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _tree_digest(path: Path, _modified: int) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = _without_docstring(node.body)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body
