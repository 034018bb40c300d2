"""Runs a stage's program and writes which keys of its settings it read and which package modules it loaded.

    python recorded_stage.py OUT.json STAGE ARGUMENTS...

Digests and records read all settings by their nature; they are not counted.
"""

import dataclasses
import functools
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

used: set[str] = set()


class Recording(dict):
    """A dict that notes the path of every key that is read from it or from a dict in it."""

    def __init__(self, content: dict[str, Any], path: str = "") -> None:
        nested = {
            key: Recording(value, f"{path}{key}/") if isinstance(value, dict) else value
            for key, value in content.items()
        }
        super().__init__(nested)
        self.path = path

    def _note(self, key: Any) -> None:
        used.add(f"{self.path}{key}")

    def __getitem__(self, key: Any) -> Any:
        self._note(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._note(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[Any]:  # makes dict(...) and ** take the slow way, through __getitem__
        return super().__iter__()

    def items(self) -> Any:
        if not sys._getframe(1).f_code.co_filename.endswith("json/encoder.py"):
            for key in self:
                self._note(key)
        return super().items()

    def values(self) -> Any:
        for key in self:
            self._note(key)
        return super().values()

    def __or__(self, other: Any) -> dict[str, Any]:
        return {**dict(self.items()), **dict(other.items())}


paths: dict[int, str] = {}
"""Where a dataclass lies in the settings, by its identity; the settings live as long as the program."""
silenced: list[bool] = []


def recorded(value: Any, path: str = "") -> Any:
    """Settings whose fields note their path when they are read."""
    if type(value) is dict:
        return Recording(value) if not path else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            recorded(inner, f"{path}{field.name}/")
            for key, one in inner.items() if isinstance(inner, Mapping) else ():
                recorded(one, f"{path}{field.name}/{key}/")
        paths[id(value)] = path
        if "__getattribute__" not in vars(type(value)):
            type.__setattr__(type(value), "__getattribute__", _noting({f.name for f in dataclasses.fields(value)}))
    return value


def _noting(names: set[str]) -> Callable[[Any, str], Any]:
    def read(instance: Any, name: str) -> Any:
        value = object.__getattribute__(instance, name)
        if name in names and not silenced and id(instance) in paths:
            used.update(_leaves(value, f"{paths[id(instance)]}{name}"))
        return value

    return read


def _leaves(value: Any, path: str) -> set[str]:
    """Lists the paths that are read with a field: its own, and all of a mapping."""
    below = value.items() if isinstance(value, Mapping) else ()
    return {path}.union(*(_leaves(inner, f"{path}/{key}") for key, inner in below))


def silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose reading of the settings does not count."""

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        silenced.append(True)
        try:
            return function(*arguments, **named)
        finally:
            silenced.pop()

    return called


def plain(value: Any) -> Any:
    """The same without recording."""
    return json.loads(json.dumps(value))


def main(out: str, stage: str, *arguments: str) -> None:
    """Run the stage and write what was seen."""
    from weightscape.formats import typed

    typed.to_json = silent(typed.to_json)  # first of all, since modules import it by its name
    from weightscape.provenance import records
    from weightscape.stages import _program

    yaml.SafeDumper.add_representer(Recording, lambda dumper, value: dumper.represent_dict(plain(value)))
    parse = _program.parse_settings
    _program.parse_settings = lambda kind, text: recorded(parse(kind, text))
    write = records.write_record
    records.write_record = functools.wraps(write)(
        lambda folder, origin, *parts, **named: write(
            folder,
            dataclasses.replace(origin, settings=plain(typed.to_json(origin.settings))),
            *parts,
            **named,
        )
    )
    importlib.import_module(f"weightscape.stages.{stage}").main(list(arguments))
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "weightscape")
    Path(out).write_text(json.dumps({"used": sorted(used), "loaded": loaded}))


if __name__ == "__main__":
    main(*sys.argv[1:])
