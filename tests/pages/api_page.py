"""Writes workflow/docs/api.md from the docstrings of `ws.__all__`: signature, parameters, what comes back, an example.

PYTHONPATH=tests:workflow python tests/pages/api_page.py

A docstring has paragraphs: what the function does, its parameters (`name  meaning`, further lines indented), what it
gives, what it raises, and an example.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator

import weightscape as ws
from weightscape.project import ROOT

PAGE = ROOT / "workflow" / "docs" / "api.md"
HEAD = """# Every function of the library

`make docs` writes this page from the docstrings, which `help(ws.spectra)` prints too; the tests run the examples.
`ws` is `import weightscape as ws`; what stands after `*` is given by name.

A `Network` is a path (`.safetensors`, `.pt`, `.pth`), a torch module or state dict on any device, a mapping of names to
arrays, or one matrix. An `ImageSet` is embeddings [n, d]; or images: an array or tensor (uint8, or floats in [0, 1]), a
list of pictures (PIL), arrays or paths, a folder, or a file (`.npy`, `.npz`, `.safetensors`, or a `.txt` of paths).
A `Table` is a `pd.DataFrame`, a `Record` a nested dict, and a `Kernel` a function of two items or `"precomputed"`.
"""


def paragraphs(face: object) -> list[str]:
    """The paragraphs of a docstring."""
    return (inspect.getdoc(face) or "").split("\n\n")


def parameters(face: object) -> dict[str, str]:
    """The meaning of each parameter that the docstring of a function lists."""
    names = "|".join(inspect.signature(face).parameters)  # pyright: ignore[reportArgumentType]
    entry = re.compile(rf"^({names}) {{2,}}(.*(?:\n .*)*)", re.MULTILINE)
    listed = next((text for text in paragraphs(face)[1:] if entry.match(text)), "")
    return {name: " ".join(meaning.split()) for name, meaning in entry.findall(listed)}


def definition(face: object) -> tuple[str, dict[str, str], str]:
    """The head of a function as its file has it, and the types of its parameters and of its result, unquoted."""
    lines = inspect.getsource(face).splitlines()  # pyright: ignore[reportArgumentType]
    (node,) = ast.parse("\n".join(lines)).body
    assert isinstance(node, ast.FunctionDef) and node.returns
    head = "\n".join(lines[node.lineno - 1 : node.body[0].lineno - 1]).removesuffix(":")
    every = [*node.args.args, *node.args.kwonlyargs]
    types = {arg.arg: ast.unparse(arg.annotation).strip("'") for arg in every if arg.annotation}
    return re.sub(r'((?:: |-> ))"([^"]+)"', r"\1\2", head), types, ast.unparse(node.returns).strip("'")


def text(paragraph: str) -> str:
    """A paragraph in Markdown: an example as code, paths of pages as links."""
    if paragraph.startswith(">>>"):
        return f"```pycon\n{paragraph}\n```"
    return linked(" ".join(paragraph.split()))


def linked(words: str) -> str:
    """Words in which each path below workflow/ is a link."""
    return re.sub(r"workflow/([\w./]+\w)", lambda path: f"[{path[1].rpartition('/')[2]}](../{path[1]})", words)


def of_function(name: str, face: object) -> Iterator[str]:
    """The section of a function, and of the class that it gives."""
    head, types, gives = definition(face)
    place = inspect.getsourcefile(face)  # pyright: ignore[reportArgumentType]
    source = str(place).removeprefix(f"{ROOT}/workflow/")
    yield f"## {name}\n\n```text\n{head}\n```"
    listed = parameters(face)
    first, *rest = paragraphs(face)
    yield text(first)
    yield "\n".join(f"- `{key}` (`{types[key]}`): {linked(meaning)}" for key, meaning in listed.items())
    yield from (text(each) for each in rest if each.split(" ")[0] not in listed)
    given = getattr(sys.modules[face.__module__], gives, None)
    if inspect.isclass(given) and given.__module__.startswith("weightscape"):
        yield f"### {gives}\n\n{' '.join(map(text, paragraphs(given)))}"
        yield "\n".join(attributes(given))
    yield f"[Source](../{source})"


def attributes(given: type) -> Iterator[str]:
    """One line for each field and property of a class."""
    for name, kind in inspect.get_annotations(given).items():
        plain = kind if isinstance(kind, str) else re.sub(r"\w+[.]", "", inspect.formatannotation(kind))
        yield f"- `{name}` (`{plain}`)"
    for name, value in vars(given).items():
        if isinstance(value, property) and value.fget:
            yield f"- `{name}` (`{inspect.get_annotations(value.fget)['return']}`): {inspect.getdoc(value)}"


def page() -> str:
    """The page."""
    faces = {name: getattr(ws, name) for name in ws.__all__}
    functions = {name: face for name, face in faces.items() if not inspect.isclass(face)}
    parts = [HEAD.strip(), "\n".join(f"- [ws.{name}](#{name.lower()}): {paragraphs(faces[name])[0]}" for name in faces)]
    for name, face in functions.items():
        parts += of_function(name, face)
    for name in [name for name in faces if name not in functions]:
        parts += [f"## {name}", *map(text, paragraphs(faces[name]))]
    return "\n\n".join(filter(None, parts)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
