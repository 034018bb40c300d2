"""workflow/docs/config.md is what the schema and config.yaml say, and has every key."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pages.config_page import DEFAULT, PAGE, keys, page

LISTED = set(re.findall(r"^\| `([^`]+)`", PAGE.read_text(), re.MULTILINE))


@pytest.mark.slow
def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "make docs writes it anew"


def test_every_key_of_the_schema_is_on_the_page() -> None:
    assert {key.text for key in keys()} == LISTED


def test_every_key_of_config_yaml_is_on_the_page() -> None:
    patterns = [re.sub(r"\\\[\\\]|NAME|DOSE", ".+", re.escape(name)) for name in LISTED]
    strangers = [path for path in leaves(DEFAULT) if not any(re.fullmatch(pattern, path) for pattern in patterns)]
    assert not strangers


def leaves(block: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of the values in a config."""
    for key, value in block.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{path}{key}.")
        elif value != {}:
            yield f"{path}{key}"


def test_every_key_has_a_meaning_of_its_own() -> None:
    generic = re.compile(r"^a (whole number|rate|share|number|probability)\b.*\b(at least|in|above)\b")
    assert not [key.text for key in keys() if generic.search(str(key.rule.get("description", "")))]
