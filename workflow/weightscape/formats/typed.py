"""Turns frozen dataclasses into JSON values and back, strictly: no key may be missing, none may be unknown.

A union of dataclasses is told apart by the field `kind`, a `Literal` in each of them, or by its keys. Fields may be
dataclasses, tuples of one type (`tuple[T, ...]`), mappings from text, scalars, `Literal`s, unions with None, and `Any`.
JSON has no infinite number: it is the text "inf".
"""

import contextlib
import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypeVar, Union

from weightscape.errors import UserError

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """The JSON value of a dataclass, and of all that it holds."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return [to_json(inner) for inner in value] if isinstance(value, tuple | list) else value


def from_json(kind: type[T], value: Any, name: str = "settings") -> T:
    """An instance of the dataclass `kind` from a JSON value; a `UserError` names what is missing, unknown or of another
    type.
    """
    return _read(kind, value, name)


def _read(kind: Any, value: Any, name: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _fields_of(kind, value, name)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, name)
    if origin is Literal:
        return value if value in arguments else _refuse(name, value, " or ".join(map(repr, arguments)))
    if origin is tuple:
        inner = arguments[0]
        items = value if isinstance(value, list | tuple) else _refuse(name, value, "a list")
        return tuple(_read(inner, item, f"{name}[{place}]") for place, item in enumerate(items))
    if origin is not None and issubclass(origin, Mapping):
        inner = arguments[1]
        block = value if isinstance(value, Mapping) else _refuse(name, value, "a block of keys")
        return {key: _read(inner, item, f"{name}.{key}") for key, item in block.items()}
    return _scalar(kind, value, name)


def _fields_of(kind: Any, value: Any, name: str) -> Any:
    block = value if isinstance(value, Mapping) else _refuse(name, value, "a block of keys")
    types_of = _types_of(kind)
    for key in (*types_of, *block):
        if key not in block:
            raise UserError(f"{name}: {key} is missing")
        if key not in types_of:
            raise UserError(f"{name}: {key} is unknown; known are {', '.join(types_of)}")
    return kind(**{key: _read(inner, block[key], f"{name}.{key}") for key, inner in types_of.items()})


@functools.cache
def _types_of(kind: Any) -> dict[str, type]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _one_of(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    choices = [kind for kind in kinds if kind is not type(None)]
    if len(choices) > 1 and all(map(dataclasses.is_dataclass, choices)):
        if "kind" not in _types_of(choices[0]):
            return _read(_of_keys(choices, value), value, name)
        tagged = {tag: kind for kind in choices for tag in typing.get_args(_types_of(kind)["kind"])}
        tag = value.get("kind") if isinstance(value, Mapping) else _refuse(name, value, "a block of keys")
        return _read(tagged[tag] if tag in tagged else _refuse(f"{name}.kind", tag, " or ".join(tagged)), value, name)
    for kind in choices[:-1]:
        with contextlib.suppress(UserError):
            return _read(kind, value, name)
    return _read(choices[-1], value, name)


def _of_keys(kinds: list[Any], value: Any) -> Any:
    """The class whose fields are the keys of the block, or the first, which then says what is wrong."""
    keys = set(value) if isinstance(value, Mapping) else set()
    return next((kind for kind in kinds if set(_types_of(kind)) == keys), kinds[0])


def _scalar(kind: Any, value: Any, name: str) -> Any:
    if kind is float and (type(value) is int or value in ("inf", "-inf")):
        return float(value)
    if type(value) is kind:
        return value
    return _refuse(name, value, {str: "text", int: "a whole number", float: "a number"}.get(kind, str(kind)))


def _refuse(name: str, value: Any, wanted: str) -> NoReturn:
    raise UserError(f"{name} must be {wanted}, got {value!r}")
