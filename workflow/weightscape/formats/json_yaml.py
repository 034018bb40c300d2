"""Reads and writes JSON, and reads YAML, with one sentence for a file that is broken."""

import base64
import contextlib
import functools
import json
import re
import zlib
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.writing import replacing

MOST = 60_000
"""Characters of an argument that stays as it is: two of them, and paths, fit into one command (Linux: 128 KiB)."""
MARK = "zlib:"
_PLAIN = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F]+|([0-9][0-9_]*)?\.[0-9_]*([eE][-+][0-9]+)?)")
"""Numbers that YAML reads as people write them."""


def write_json(path: Path | str, value: object) -> None:
    """Write a JSON file; NaN is refused, so that readers in every language agree (use None)."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): delete it and run its stage again") from None


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file of the project's own, by the compiled parser where there is one (ten times as fast)."""
    import yaml

    return yaml.load(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_users_yaml(path: Path, name: str, loader: Any = None) -> Any:
    """Read a YAML or JSON file that a person wrote, safely; `name` says what to name if it cannot be read.

    With a `loader` of its own, words and numbers may stand for what they please.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        try:
            return json.loads(text, object_pairs_hook=functools.partial(_block, path))
        except json.JSONDecodeError:
            content = yaml.load(text, loader or yaml.SafeLoader)
        _check_text(text, str(path), loader is None)
        return content
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name {name}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is not UTF-8 (byte 0x{error.object[error.start]:02x} on line {line}): save it as UTF-8"
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{path} is not valid YAML ({' '.join(str(error).split())}): mend it") from None


def _block(path: Path, pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A block of JSON, in which no key may stand twice."""
    block = dict(pairs)
    if len(block) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"{path} has the key {twice!r} twice in one block: only the last would count; put both into one block, or "
            "take one out"
        )
    return block


def check_once(text: str, name: str) -> None:
    """Refuses a text, if it is YAML, in which a key stands twice in one block; `name` tells where it stands."""
    import yaml

    with contextlib.suppress(yaml.YAMLError):
        _check_text(text, name, False)


def _check_text(text: str, name: str, typed: bool) -> None:
    import yaml

    _check_node(yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), name, "", typed, {})


def _check_node(node: Any, path: str, place: str, typed: bool, whole: dict[int, bool]) -> None:
    """Refuses keys that stand twice in one block of YAML, and with `typed` what YAML reads as something else.

    `whole` says of each block whether it was looked through, as aliases may name it many times, or within itself.
    """
    if node is None or node.id == "scalar":
        if typed and node is not None:
            _check_value(node, path, place)
        return
    if id(node) in whole:
        if not whole[id(node)]:
            raise UserError(f"{path} has {place}, which holds itself: write out what it holds")
        return
    whole[id(node)] = False
    if node.id == "sequence":
        inside = [(f"{place}[{number}]", item) for number, item in enumerate(node.value)]
    else:
        _check_keys(node, path, place, typed)
        named = [(getattr(key, "value", key), value) for key, value in node.value]
        inside = [(f"{place}.{name}" if place else f"{name}", value) for name, value in named]
    for where, value in inside:
        _check_node(value, path, where, typed, whole)
    whole[id(node)] = True


def _check_keys(node: Any, path: str, place: str, typed: bool) -> None:
    """Refuses keys of a block that stand there twice, as 1 and 1.0 do, or with `typed` are no text."""
    import yaml

    lines: dict[Any, int] = {}
    for key, _ in node.value:
        if key.id != "scalar":
            continue
        name, line, where = key.value, key.start_mark.line + 1, f" in {place}" if place else ""
        read = yaml.safe_load(name) if typed and key.tag.endswith((":int", ":float")) else name
        first = lines.get(name, lines.get(read))
        if first is not None:
            raise UserError(
                f"{path} has the key {name!r}{where} twice, on the lines {first} and {line}: only the last would "
                "count; put both into one block, or take one out"
            )
        if typed and not _stays(key):
            raise UserError(
                f"{path} has the key {name}{where} on line {line}, which YAML does not read as text "
                f"({key.tag.rpartition(':')[2]}): write it in quotes, as '{name}'"
            )
        lines |= {name: line, read: line}


def _check_value(node: Any, path: str, place: str) -> None:
    """Refuses values that YAML 1.1 reads as nobody means them: 010 is 8, 1:30 is 90, and a date or .nan no number."""
    import yaml

    kind, text = node.tag.rpartition(":")[2], node.value
    if kind in ("str", "bool", "null") or (kind in ("int", "float") and _PLAIN.fullmatch(text)):
        return
    read = f"{yaml.safe_load(text)}" if kind in ("int", "float") else f"a {kind}"
    raise UserError(
        f"{path} has {place} = {text} on line {node.start_mark.line + 1}, which YAML reads as {read}: write a plain "
        "number, or text in quotes"
    )


def _stays(key: Any) -> bool:
    """Whether a key becomes the text that it is, as 0.3 does; off becomes False, 010 becomes 8 and 1_0 becomes 10."""
    import yaml

    kind = key.tag.rpartition(":")[2]
    return kind in ("str", "merge") or (kind in ("int", "float") and str(yaml.safe_load(key.value)) == key.value)


class Remembered:
    """The answers in a file, by key; a file that cannot be read holds none, and one that cannot be written stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Any] = {}
        with contextlib.suppress(UserError, OSError):
            read = read_json(path)
            self.answers = read if isinstance(read, dict) else {}

    def keep(self) -> None:
        """Write the answers, with those that were added."""
        with contextlib.suppress(UserError):
            write_json(self.path, self.answers)


def packed(text: str) -> str:
    """An argument of a command, compressed if it is long; JSON of a config becomes a fifth."""
    if len(text) <= MOST:
        return text
    return MARK + base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> str:
    """Restores the text that `packed` was given; raises `ValueError` if it is not whole."""
    if not text.startswith(MARK):
        return text
    try:
        return zlib.decompress(base64.b64decode(text.removeprefix(MARK))).decode()
    except zlib.error as error:
        raise ValueError(f"compressed text that is not whole ({error})") from None
