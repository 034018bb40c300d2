"""Settings as JSON and back: equal, or one sentence that names the key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from weightscape.errors import UserError
from weightscape.formats.typed import from_json, to_json


@dataclass(frozen=True)
class Packaged:
    kind: Literal["packaged"]
    images: int


@dataclass(frozen=True)
class Folder:
    kind: Literal["folder"]
    root: str


@dataclass(frozen=True)
class Settings:
    source: Packaged | Folder
    rate: float
    sides: tuple[int, ...]
    drops: Mapping[str, float]
    image: Folder | None
    size: int | str
    free: Any


WHOLE = {
    "source": {"kind": "packaged", "images": 3},
    "rate": 0.5,
    "sides": [1, 2],
    "drops": {"head": 0.1},
    "image": None,
    "size": "all",
    "free": {"a": [1]},
}


def test_what_is_written_is_read_back_equal() -> None:
    settings = from_json(Settings, WHOLE)
    assert settings == Settings(Packaged("packaged", 3), 0.5, (1, 2), {"head": 0.1}, None, "all", {"a": [1]})
    assert to_json(settings) == WHOLE
    assert from_json(Settings, to_json(settings)) == settings


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"more": 1}, "settings: more is unknown; known are source, rate"),
        ({"rate": None}, "settings.rate must be a number, got None"),
        ({"sides": [1, "2"]}, r"settings.sides\[1\] must be a whole number, got '2'"),
        ({"sides": [True]}, r"settings.sides\[0\] must be a whole number, got True"),
        ({"source": {"kind": "hub"}}, "settings.source.kind must be packaged or folder, got 'hub'"),
        ({"source": {"kind": "folder", "images": 3}}, "settings.source: root is missing"),
        ({"drops": [1]}, r"settings.drops must be a block of keys, got \[1\]"),
        ({"size": 1.5}, "settings.size must be text, got 1.5"),
    ],
)
def test_a_key_that_is_missing_unknown_or_of_another_type_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        from_json(Settings, WHOLE | change)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(UserError, match="settings: rate is missing"):
        from_json(Settings, {key: value for key, value in WHOLE.items() if key != "rate"})
