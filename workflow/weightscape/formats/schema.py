"""Checks a mapping against a JSON schema and reports the first fault in one sentence."""

import difflib
import functools
import re
from pathlib import Path
from typing import Any

from weightscape.formats.json_yaml import read_yaml

MOST = 5
"""Faults that one message lists."""


def fault_in(content: Any, schema: Path) -> str | None:
    """The faults of JSON-like content against a schema, as one sentence; None if it fits.

    Faults of one kind are told together: every key that is missing, or else up to five other faults.
    """
    errors = sorted(validator(schema).iter_errors(content), key=_depth)
    if not errors:
        return None
    faults = [fault for error in errors for fault in _innermost(error)]
    first = min(faults, key=_depth)
    if first.validator == "required":
        return _missing([fault for fault in faults if fault.validator == "required"])
    alike = [fault for fault in faults if _depth(fault)[0] == _depth(first)[0] and fault.validator != "required"]
    alike = [first, *(fault for fault in alike if fault is not first)]
    sentences = list(dict.fromkeys(map(_sentence, alike)))
    more = f"; and {len(sentences) - MOST} further faults" if len(sentences) > MOST else ""
    return "; ".join(sentences[:MOST]) + more


def _missing(errors: list[Any]) -> str:
    """One sentence for all keys that are missing."""
    missing = (
        (key, _where(error) or "the top level")
        for error in errors
        for key in error.validator_value
        if key not in error.instance
    )
    keys = list(dict.fromkeys(missing))
    places = dict.fromkeys(place for _, place in keys)
    texts = []
    for place in places:
        names = [repr(key) for key, where in keys if where == place]
        texts.append(
            f"{'keys' if len(names) > 1 else 'key'} {', '.join(names)} {'are' if len(names) > 1 else 'is'} missing in "
            f"{place}"
        )
    return f"{'; '.join(texts)}; add {'them' if len(keys) > 1 else 'it'} (config.yaml shows every key)"


@functools.cache
def validator(schema: Path) -> Any:
    """jsonschema's validator of a schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)  # 8.0 is none
    return extend(Draft202012Validator, type_checker=types)(read_yaml(schema))


def _depth(error: Any) -> tuple[int, int]:
    """Unknown keys and bad names first (a misspelt key also misses its right name), then the innermost fault."""
    return (error.validator not in ("additionalProperties", "pattern"), -len(error.absolute_path))


def _where(error: Any) -> str:
    """The key of a fault, as study.seeds[0]."""
    text = ""
    for part in error.absolute_path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _innermost(error: Any) -> list[Any]:
    """The faults behind one: of a block with alternatives, the faults of the alternative that is meant."""
    if error.validator == "oneOf" and error.context:
        return [fault for inner in _intended(error) for fault in _innermost(inner)]
    return [error]


def _sentence(error: Any) -> str:
    """One sentence for a fault that jsonschema found: the key, its value, what is allowed."""
    where = _where(error) or "the top level"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))
        if known and unknown:
            return "; ".join(_unknown(key, known, where) for key in unknown)
    if error.validator == "pattern" and "a-z0-9" in error.validator_value:
        allowed = "lower-case letters, digits, dots and dashes"
        return f"{where} has the name {error.instance!r}; allowed are {allowed} (it is used in paths)"
    if isinstance(error.instance, str) and error.validator == "type" and is_number(error.instance):
        number = float(error.instance)
        how = f"{number:.0f}" if number.is_integer() and abs(number) < 1e9 else "a number with a dot, as 1.0e-5"
        return f"{where} = {error.instance!r} is text in YAML; write {how}"
    text = _shown(error.instance) if not isinstance(error.instance, str) else repr(error.instance)
    shown = text if len(text) < 100 else text[:100] + " ..."
    description = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"{where} = {shown} {_wanted(error)}" + (f" ({description})" if description else "")


def _unknown(key: str, known: list[str], where: str) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(known)}"
    return f"unknown key {key!r} in {where}; {hint}"


_WORDS = {
    "array": "a list in brackets, as [0, 1]",
    "object": "a block of keys",
    "string": "text (in quotes, if it looks like something else)",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def _wanted(error: Any) -> str:
    """Says in plain words how a value must be, by the rule that it breaks."""
    rule = error.validator_value
    match error.validator:
        case "type":
            return "must be " + " or ".join(_WORDS[kind] for kind in ([rule] if isinstance(rule, str) else rule))
        case "enum":
            near = difflib.get_close_matches(str(error.instance), map(str, rule), 1, 0.6)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"is not one of {', '.join(map(_shown, rule))}{hint}"
        case "const":
            return f"must be {_shown(rule)}"
        case "minimum":
            return f"is less than the minimum of {rule}"
        case "maximum":
            return f"is greater than the maximum of {rule}"
        case "exclusiveMinimum" | "exclusiveMaximum":
            return f"must be {'above' if error.validator == 'exclusiveMinimum' else 'below'} {rule}"
        case "minLength" if rule == 1:
            return "should be non-empty"
        case "minItems" | "maxItems" | "minLength" | "minProperties":
            amount = "at least" if error.validator.startswith("min") else "at most"
            kind = "character" if error.validator == "minLength" else "entry" if rule == 1 else "entries"
            return f"must have {amount} {rule} {kind}{'s' if kind == 'character' and rule != 1 else ''}"
        case "uniqueItems":
            twice = [item for place, item in enumerate(error.instance) if item in error.instance[:place]]
            return f"has {twice[0]!r} twice: name each once"
        case "pattern" if not set(rule) & set("^$"):
            return f"must hold {re.sub(r'[][]', '', rule)}"
        case "pattern":
            return f"is not of the form {rule}"
        case "anyOf":
            return "must be " + " or ".join(dict.fromkeys(_alternative(inner) for inner in error.context))
    return f"does not fit: {error.message[:200]}"


def _alternative(error: Any) -> str:
    return _wanted(error).removeprefix("must be ").removeprefix("must ").replace("is not one of", "one of")


def _shown(value: Any) -> str:
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))


def _intended(error: Any) -> list[Any]:
    """The faults in the alternative that the instance names by its constant keys; all faults if it names none."""
    branches: dict[int, list[Any]] = {}
    for fault in error.context:
        branches.setdefault(fault.schema_path[0], []).append(fault)
    named = [faults for faults in branches.values() if not any(fault.validator == "const" for fault in faults)]
    return named[0] if named else [min(error.context, key=_depth)]


def is_number(text: str) -> bool:
    """Whether a text is a number as Python writes it, as 1e-3."""
    try:
        float(text)
    except ValueError:
        return False
    return True
