"""Checks a mapping against a JSON schema and reports the first fault in one sentence."""

import difflib
import functools
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml


def fault_in(content: Any, schema: Path) -> str | None:
    """The first fault of JSON-like content against a schema, as one sentence; None if it fits."""
    errors = sorted(_validator(schema).iter_errors(content), key=_depth)
    return _sentence(errors[0]) if errors else None


@functools.cache
def _validator(schema: Path) -> Any:
    import jsonschema

    return jsonschema.Draft202012Validator(read_yaml(schema))


def _depth(error: Any) -> tuple[int, int]:
    """Unknown keys and bad names first (a misspelt key also misses its right name), then the innermost fault."""
    return (error.validator not in ("additionalProperties", "pattern"), -len(error.absolute_path))


def _sentence(error: Any) -> str:
    """One sentence for a fault that jsonschema found: the key, its value, what is allowed."""
    at = ".".join(str(part) for part in error.absolute_path)
    where = at or "the top level"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        if known and unknown:
            near = difflib.get_close_matches(unknown[0], known, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known)}"
            return f"unknown key {unknown[0]!r} in {where}; {hint}"
    if error.validator == "pattern" and "a-z0-9" in error.validator_value:
        allowed = "lower-case letters, digits, dots and dashes"
        return f"{where} has the name {error.instance!r}; allowed are {allowed} (it is used in paths)"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"key {missing!r} is missing in {where}; add it (config.yaml shows every key)"
    if error.validator == "oneOf" and error.context:
        return _sentence(min(_intended(error), key=_depth))
    if isinstance(error.instance, str) and error.validator == "type" and _is_number(error.instance):
        return f"{where} = {error.instance!r} is text in YAML; write a number with a dot, as 1.0e-5"
    text = error.message if len(error.message) < 200 else error.message[:200] + " ..."
    description = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"{where} = {text}" + (f" ({description})" if description else "")


def _intended(error: Any) -> list[Any]:
    """The faults in the alternative that the instance names by its constant keys; all faults if it names none."""
    branches: dict[int, list[Any]] = {}
    for fault in error.context:
        branches.setdefault(fault.schema_path[0], []).append(fault)
    named = [faults for faults in branches.values() if not any(fault.validator == "const" for fault in faults)]
    return named[0] if named else error.context


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
