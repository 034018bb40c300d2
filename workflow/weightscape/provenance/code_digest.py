"""The meaning of a stage's code, as a digest.

The digest covers the stage's module and every module of this package that it imports, found statically and
transitively (imports inside functions included), and is taken from the parsed code without comments, docstrings,
formatting and the texts of messages, with the C source beside it and the schemas, without descriptions, that a module
names (compilers and their flags are not: `provenance.json` names the route that was taken). A comment or a reworded
error makes nothing stale; a changed constant does.
"""

import ast
import functools
import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from weightscape.errors import UserError
from weightscape.formats import json_yaml
from weightscape.formats.json_yaml import Remembered
from weightscape.project import PACKAGE, SCHEMAS

ROOT = PACKAGE.name


def code_digest(stage: str, *further: str) -> str:
    """Hexadecimal digest of the code of `weightscape.stages.{stage}` and of all package modules below it.

    `further` names modules that the stage chooses at run time, e.g. "figures.esd".
    """
    before = len(_parsed_before().answers)
    found = modules_of(stage, *further)
    lines = [f"{name} {_module(path).meaning}" for name, path in sorted(found.items())]
    schemas = {name for path in found.values() for name in _module(path).schemas}
    lines += [f"{name} {_module(SCHEMAS / name).meaning}" for name in sorted(schemas)]
    sources = {path.with_name(name) for path in found.values() for name in _module(path).sources}
    lines += [f"{path.name} {_module(path).meaning}" for path in sorted(sources) if path.is_file()]
    if len(_parsed_before().answers) > before and not sys.dont_write_bytecode:
        _parsed_before().keep()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def check_code(stage: str, expected: str, *further: str) -> None:
    """Stop if the code of a stage is no longer the code that the workflow planned with."""
    if code_digest(stage, *further) != expected:
        raise UserError(
            f"the code of stage {stage} was edited after the workflow planned this job (planned {expected}): "
            "start the workflow again"
        )


def modules_of(stage: str, *further: str) -> dict[str, Path]:
    """The package modules that the digest of a stage covers, by name."""
    return modules(f"{ROOT}.stages.{stage}", *(f"{ROOT}.{name}" for name in further))


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
    """The file of a module of this package, or None for a name that is not a module of it.

    The package's own file is none: it holds the version and the names of the library, which decide no result.
    """
    first, *rest = name.split(".")
    if first != ROOT or not rest:
        return None
    base = PACKAGE.joinpath(*rest)
    candidates = [base / "__init__.py", base.with_suffix(".py")]
    return next((path for path in candidates if path.is_file()), None)


def _imports(name: str, path: Path) -> list[str]:
    """Names of what a module imports; `from package import x` yields both the package and `package.x`."""
    package = name if path.name == "__init__.py" else name.rsplit(".", 1)[0]
    names: list[str] = []
    for base, level, members in _module(path).imports:
        if level:
            parent = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*parent, *([base] if base else [])])
        names += [base, *(f"{base}.{member}" for member in members)]
    return names


class Module(NamedTuple):
    """A parsed file: imports as (base, level, members), its meaning, and the schemas and C sources that it names.

    The meaning is a digest of the syntax tree without docstrings, positions and the texts of messages.
    """

    imports: list[tuple[str, int, list[str]]]
    meaning: str
    schemas: list[str]
    sources: list[str]


def _module(path: Path) -> Module:
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _read(path: Path, _modified: int) -> Module:
    source = path.read_bytes()
    key = hashlib.sha256(source).hexdigest()
    answers = _parsed_before().answers
    if key not in answers:
        parse = {".py": _parsed, ".c": _parsed_c}.get(path.suffix)
        answers[key] = parse(source) if parse else _parsed_schema(path)
    return Module(*answers[key])


def _parsed(source: bytes) -> Module:
    tree = ast.parse(source)
    imports: list[tuple[str, int, list[str]]] = []
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            imports += [(alias.name, 0, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append((node.module or "", node.level, [alias.name for alias in node.names]))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    tree = _WithoutMessages(tree).visit(tree)
    schemas = sorted(text for text in texts if text.endswith(".schema.yaml") and (SCHEMAS / text).is_file())
    sources = sorted(text for text in texts if re.fullmatch(r"\w+\.c", text))
    return Module(imports, hashlib.sha256(_text(tree).encode()).hexdigest(), schemas, sources)


MESSAGES = ("print", "warn", "exit", "error")
"""Functions, beside the errors, whose texts people read and no result depends on."""
HELP = ("help", "description", "epilog", "metavar")
"""Arguments of argparse that hold such texts."""


class _WithoutMessages(ast.NodeTransformer):
    """Removes docstrings, and empties the texts in errors, in what is printed and in the help of programs.

    That includes the arguments of a function that only raises (its annotation is `NoReturn`), and what a variable of
    a function holds that only messages read. Exceptions that are no errors, such as `Unreadable`, keep their texts:
    these are written into results.
    """

    def __init__(self, tree: ast.Module) -> None:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]
        self.raising = {node.name for node in functions if ast.unparse(node.returns or node) == "NoReturn"}

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        messages = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and self._is_message(inner)]
        read_there = Counter(name for message in messages for name in _names_read(message))
        read = Counter(_names_read(node))
        for inner in ast.walk(node):
            if (
                isinstance(inner, ast.Assign | ast.AugAssign)
                and _is_plain(inner.value)
                and all(
                    isinstance(target, ast.Name) and read[target.id] == read_there[target.id] > 0
                    for target in (inner.targets if isinstance(inner, ast.Assign) else [inner.target])
                )
            ):
                inner.value = _EmptyTexts().visit(inner.value)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call) and _name(node.exc).lstrip("_").islower():  # a function that makes an error
            _empty_texts(node.exc)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if self._is_message(node):
            _empty_texts(node)
        for keyword in node.keywords:
            if keyword.arg in HELP:
                keyword.value = ast.Constant("")
        return self.generic_visit(node)

    def _is_message(self, call: ast.Call) -> bool:
        name = _name(call)
        return (name in (*MESSAGES, *self.raising) or name.endswith("Error")) and _is_for_people(call)


def _is_plain(value: ast.expr) -> bool:
    """Whether no call in an expression but `join` takes a text, which may decide what that call does."""
    calls = [node for node in ast.walk(value) if isinstance(node, ast.Call) and _name(node) != "join"]
    return not any(
        isinstance(part, ast.Constant) and isinstance(part.value, str) for call in calls for part in ast.walk(call)
    )


def _names_read(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load))


def _name(call: ast.Call) -> str:
    """The last name of a called function: `UserError` of `errors.UserError(...)`."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _is_for_people(call: ast.Call) -> bool:
    """Whether a call prints to the terminal, not into a file that may be a result."""
    streams = [keyword.value for keyword in call.keywords if keyword.arg == "file"]
    return all(isinstance(stream, ast.Attribute) and stream.attr in ("stdout", "stderr") for stream in streams)


def _empty_texts(call: ast.Call) -> None:
    """Replace every text in the arguments of a call, with the expressions inside it, by the empty text."""
    call.args = [_EmptyTexts().visit(argument) for argument in call.args]


class _EmptyTexts(ast.NodeTransformer):
    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.copy_location(ast.Constant(""), node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant("") if isinstance(node.value, str) else node


PROSE = ("about", "description", "further", "title")
"""Keys of a schema whose texts people read; what a stage shows of them is among its settings."""


def _parsed_schema(path: Path) -> Module:
    """A schema without its prose. The order of keys has a meaning: that of the columns of a table."""
    text = json.dumps(_without_prose(json_yaml.read_yaml(path)), default=str)
    return Module([], hashlib.sha256(text.encode()).hexdigest(), [], [])


def _without_prose(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            key: "" if key in PROSE and isinstance(value, str) else _without_prose(value) for key, value in part.items()
        }
    return list(map(_without_prose, part)) if isinstance(part, list) else part


def _parsed_c(source: bytes) -> Module:
    """A C source without comments, and with one blank or the end of a line for several."""
    bare = re.sub(rb'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', lambda found: found[1] or b" ", source, flags=re.DOTALL)
    lines = (b" ".join(line.split()) for line in bare.splitlines())
    return Module([], hashlib.sha256(b"\n".join(filter(None, lines))).hexdigest(), [], [])


def _text(part: Any) -> str:
    """A syntax tree as text; fields that are None or empty are left out, as Python's versions differ in them."""
    if isinstance(part, ast.AST):
        fields = ((name, getattr(part, name, None)) for name in part._fields)
        inner = ",".join(f"{name}={_text(value)}" for name, value in fields if value is not None and value != [])
        return f"{type(part).__name__}({inner})"
    return f"[{','.join(map(_text, part))}]" if isinstance(part, list) else repr(part)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all statements below it; expressions hold none."""
    yield node
    for block in ("body", "handlers", "orelse", "finalbody", "cases"):
        for inner in getattr(node, block, ()):
            yield from _statements(inner)


@functools.cache
def _parsed_before() -> Remembered:
    """Modules by the digest of their text: every job asks for a hundred of them."""
    return Remembered(_store())


def _store() -> Path:
    """The file of the parsed modules, beside the compiled ones; another one once this module is edited."""
    compiled = Path(importlib.util.cache_from_source(str(PACKAGE / "code_digest.py")))
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    return compiled.with_name(f"{compiled.stem}.{own}.json")
