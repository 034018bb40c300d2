"""Values that a JSON schema gives to a mapping: defaults of missing keys, and the types of values that came as text."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.schema import is_number, validator

NULL = ("null", "~", "")
WORDS = ("true", "false", "yes", "no", "on", "off")


def completed(content: Any, schema: Path) -> Any:
    """JSON-like content with the schema's `default` in place of each key that is missing and has one."""
    whole = _whole(schema)
    return _visited(content, whole, whole, _default) if isinstance(content, dict) else content


def typed(content: Any, given: Any, schema: Path) -> Any:
    """JSON-like content in which the texts of `given`, a part of it, are of the types that the schema asks for."""
    whole, valid = _whole(schema), validator(schema)

    def of_type(block: Any, key: Any, rule: Any) -> None:
        if isinstance(_at(block, key), str):
            block[key] = _as_typed(block[key], lambda value: valid.evolve(schema=rule).is_valid(value))

    return _overlaid(content, _visited(given, whole, whole, of_type, content))


@functools.cache
def _whole(schema: Path) -> Any:
    return read_yaml(schema)


def _overlaid(content: Any, given: Any) -> Any:
    """Content with the leaves of `given` in place of its own."""
    if not isinstance(content, dict) or not isinstance(given, dict):
        return given
    return content | {key: _overlaid(content.get(key), value) for key, value in given.items()}


def _default(block: Any, key: Any, rule: Any) -> None:
    if isinstance(block, dict) and key not in block and "default" in rule:
        block[key] = rule["default"]


def _visited(content: Any, rule: Any, whole: Any, act: Callable[[Any, Any, Any], None], beside: Any = None) -> Any:
    """A copy of content in which `act(block, key, rule)` was called on every value that the schema knows.

    A block is a mapping, or a list with its places as keys. Which alternative of a block counts is decided by its
    constant keys, or those of the block `beside` it.
    """
    block = list(content) if isinstance(content, list) else dict(content)
    there = beside if isinstance(beside, type(block)) and len(beside) >= len(block) else content
    for properties, further in _alternatives(rule, whole, there):
        for key in range(len(block)) if isinstance(block, list) else dict.fromkeys((*properties, *block)):
            inner = _resolved(properties.get(key, further), whole)
            if isinstance(inner, dict):
                act(block, key, inner)
                if isinstance(_at(block, key), dict | list):
                    block[key] = _visited(block[key], inner, whole, act, _at(there, key))
    return block


def _at(block: Any, key: Any) -> Any:
    """A value of a block; None where there is none."""
    return block[key] if isinstance(block, list) else block.get(key)


def _alternatives(rule: Any, whole: Any, block: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    """The rules of a block's own keys and that of its further ones, in each alternative that may be meant."""
    rule = _resolved(rule, whole)
    for one in (rule, *(_resolved(branch, whole) for kind in ("oneOf", "anyOf") for branch in rule.get(kind, []))):
        if isinstance(block, list):
            yield {}, one.get("items")
            continue
        properties = {key: _resolved(value, whole) for key, value in one.get("properties", {}).items()}
        fixed = {key: value["const"] for key, value in properties.items() if "const" in value}
        if all(block.get(key) == value for key, value in fixed.items()):
            yield properties, one.get("additionalProperties")


def _resolved(rule: Any, whole: Any) -> Any:
    """A rule with what it refers to."""
    if not isinstance(rule, dict) or "$ref" not in rule:
        return rule
    target = whole
    for part in rule["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return _resolved(target, whole) | {key: value for key, value in rule.items() if key != "$ref"}


def _as_typed(text: str, fits: Callable[[Any], bool]) -> Any:
    """A text as null, as itself, as a number or as a word of YAML: the first that fits, or else the last that it is."""
    import yaml

    word = None if text in NULL else yaml.safe_load(text) if text.lower() in WORDS else text
    number = float(text) if is_number(text) else text
    if isinstance(number, float) and number.is_integer() and not set(text.lower()) & set(".e"):
        number = int(text)
    readings = [*([None] if text in NULL else []), text, number, word]
    return next((value for value in readings if fits(value)), number if word is text else word)
