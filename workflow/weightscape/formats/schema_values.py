"""Values that a JSON schema gives to a mapping: defaults of missing keys, and the types of values that came as text."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.schema import is_number


def completed(content: Any, schema: Path) -> Any:
    """JSON-like content with the schema's `default` in place of each key that is missing and has one."""
    whole = _whole(schema)
    return _visited(content, whole, whole, _default)


def typed(content: Any, given: Any, schema: Path) -> Any:
    """JSON-like content in which the texts of `given`, a part of it, are of the types that the schema asks for."""
    whole = _whole(schema)

    def of_type(block: dict[str, Any], key: str, rule: Any) -> None:
        kinds = _kinds(rule, whole)
        if key in block and kinds and "string" not in kinds:
            block[key] = _as_typed(block[key], kinds, whole, rule)

    return _overlaid(content, _visited(_only_blocks(given), whole, whole, of_type, content))


@functools.cache
def _whole(schema: Path) -> Any:
    return read_yaml(schema)


def _only_blocks(given: Any) -> Any:
    return {key: _only_blocks(value) for key, value in given.items()} if isinstance(given, dict) else given


def _overlaid(content: Any, given: Any) -> Any:
    """Content with the leaves of `given` in place of its own."""
    if not isinstance(content, dict) or not isinstance(given, dict):
        return given
    return content | {key: _overlaid(content.get(key), value) for key, value in given.items()}


def _default(block: dict[str, Any], key: str, rule: Any) -> None:
    if key not in block and "default" in rule:
        block[key] = rule["default"]


def _visited(
    content: Any, rule: Any, whole: Any, act: Callable[[dict[str, Any], str, Any], None], beside: Any = None
) -> Any:
    """A copy of content in which `act(block, key, rule)` was called on every property that the schema knows.

    Which alternative of a block counts is decided by its constant keys, or those of the block `beside` it.
    """
    if not isinstance(content, dict):
        return content
    block, rule, there = dict(content), _resolved(rule, whole), beside if isinstance(beside, dict) else content
    rules = [rule, *(_resolved(branch, whole) for branch in rule.get("oneOf", []))]
    for one in rules:
        properties = {key: _resolved(value, whole) for key, value in one.get("properties", {}).items()}
        fixed = {key: value["const"] for key, value in properties.items() if "const" in value}
        if any(there.get(key) != value for key, value in fixed.items()):
            continue
        for key, value in properties.items():
            act(block, key, value)
        further = one.get("additionalProperties")
        for key in block:
            inner = properties.get(key) or (_resolved(further, whole) if isinstance(further, dict) else None)
            if inner:
                if key not in properties:
                    act(block, key, inner)
                block[key] = _visited(block[key], inner, whole, act, there.get(key))
    return block


def _resolved(rule: Any, whole: Any) -> Any:
    """A rule with what it refers to."""
    if not isinstance(rule, dict) or "$ref" not in rule:
        return rule
    target = whole
    for part in rule["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return _resolved(target, whole) | {key: value for key, value in rule.items() if key != "$ref"}


def _kinds(rule: Any, whole: Any) -> set[str]:
    """The types that a rule allows, by JSON Schema's names; empty if it does not say."""
    rule = _resolved(rule, whole)
    kinds = rule.get("type", [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    for branch in rule.get("anyOf", []):
        found |= _kinds(branch, whole)
    values = [*rule.get("enum", []), *([rule["const"]] if "const" in rule else [])]
    return found | {_JSON.get(type(value), "string") for value in values}


_JSON = {bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _as_typed(value: Any, kinds: set[str], whole: Any, rule: Any) -> Any:
    """A text, or the texts of a list, as YAML reads them, if that is of one of the kinds."""
    import yaml

    if isinstance(value, list) and "items" in rule:
        inner = _kinds(rule["items"], whole)
        return [_as_typed(item, inner, whole, rule["items"]) if "string" not in inner else item for item in value]
    if not isinstance(value, str):
        return value
    read = float(value) if "number" in kinds and is_number(value) else yaml.safe_load(value)
    if isinstance(read, float) and read.is_integer() and "." not in value and "e" not in value.lower():
        read = int(value)
    return read if type(read) in (*_JSON, list) else value
