"""All errors that a user can mend, listed from the source.

`python tests/faults/error_list.py` writes workflow/report/errors.md.
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workflow" / "weightscape"
PAGE = ROOT / "workflow" / "report" / "errors.md"


def sentences(path: Path) -> list[str]:
    """The text of every `UserError` that a module makes, with {names} where values stand."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "UserError"]
    return [" ".join(_text(call.args[0]).split()) for call in sorted(calls, key=lambda call: call.lineno)]


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
