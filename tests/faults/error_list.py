"""All errors that a user can mend, listed from the source.

`python tests/faults/error_list.py` writes workflow/report/errors.md.
"""

import ast
from pathlib import Path

from weightscape.project import ROOT

PACKAGE = ROOT / "workflow" / "weightscape"
PAGE = ROOT / "workflow" / "report" / "errors.md"


def sentences(path: Path) -> list[str]:
    """The text of every `UserError` that a module makes, with {names} where values stand.

    Of a function that makes the errors of others (`-> UserError`) every call is a text of its own.
    """
    tree = ast.parse(path.read_text())
    makers = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _makes(node)}
    inside = {id(node) for maker in makers.values() for node in ast.walk(maker)}
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or id(call) in inside:
            continue
        if _name(call.func) == "UserError":
            found.append((call.lineno, _text(call.args[0])))
        elif _name(call.func) in makers:
            found.append((call.lineno, _of_maker(makers[_name(call.func)], call)))
    return [" ".join(text.split()) for _, text in sorted(found, key=lambda item: item[0])]


def _makes(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) == "UserError"


def _of_maker(function: ast.FunctionDef, call: ast.Call) -> str:
    """The text of the error that a function returns, with what a call hands over in its place."""
    own = next(node for node in ast.walk(function) if isinstance(node, ast.Call) and _name(node.func) == "UserError")
    text = _text(own.args[0])
    for name, value in zip(function.args.args, call.args, strict=True):
        text = text.replace(f"{{{name.arg}}}", _text(value))
    return text


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    """A literal or formatted text; any other expression as {what it is}."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value) + "}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    return "{" + ast.unparse(node) + "}"


def page() -> str:
    """The list by module."""
    lines = [
        "# Errors that a user can mend",
        "",
        "Each is printed as one sentence, without a traceback, with exit code 1. `{...}` stands for a value.",
        "Written from the source by `python tests/faults/error_list.py`.",
    ]
    for path in sorted(PACKAGE.rglob("*.py")):
        found = sentences(path)
        if found:
            name = path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
            lines += ["", f"## {name}", "", *(f"- {text.replace('|', chr(92) + '|')}" for text in found)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
