"""config.yaml alone has the defaults: no settings class has one, and the schema knows the keys of config.yaml."""

import typing
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG, SCHEMAS
from weightscape.study.settings import STAGES

SCHEMA = read_yaml(SCHEMAS / "config.schema.yaml")
CONFIG = read_yaml(DEFAULT_CONFIG)
NAMED_BY_THE_STUDY = ("data", "backbones", "analyse/margins", "generate/pipeline/class_words")


def classes_in(kind: Any) -> Iterator[type]:
    """The dataclasses of a type, those of their fields included."""
    if is_dataclass(kind):
        assert isinstance(kind, type)
        yield kind
        for hint in typing.get_type_hints(kind).values():
            yield from classes_in(hint)
    for argument in typing.get_args(kind):
        yield from classes_in(argument)


def settings_classes() -> set[type]:
    """The dataclasses of the settings of all stages."""
    made = [typing.get_type_hints(stage)["return"] for stage in STAGES.values()]
    return {each for kind in made for each in classes_in(kind)}


def test_no_settings_class_has_a_default() -> None:
    classes = settings_classes()
    assert len(classes) > 30
    with_default = [
        f"{each.__name__}.{field.name}"
        for each in classes
        for field in fields(each)
        if field.default is not MISSING or field.default_factory is not MISSING
    ]
    assert not with_default


def blocks(schema: dict[str, Any], config: dict[str, Any], path: str = "") -> Iterator[tuple[str, set[str], set[str]]]:
    """Each block of keys that the schema fixes: its path, the schema's keys and the config's."""
    if "properties" not in schema or path in NAMED_BY_THE_STUDY:
        return
    yield path, set(schema["properties"]), set(config)
    for key, value in config.items():
        if isinstance(value, dict) and path != "families":
            yield from blocks(schema["properties"][key], value, f"{path}/{key}".removeprefix("/"))


@pytest.mark.parametrize(("path", "allowed", "stated"), list(blocks(SCHEMA, CONFIG)))
def test_config_yaml_states_every_key_of_the_schema_and_no_other(
    path: str, allowed: set[str], stated: set[str]
) -> None:
    assert allowed == stated, path
