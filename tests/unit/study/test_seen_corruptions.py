"""A corruption stands in three places: what makes it, what a study may name, and what shows it in training."""

from collections.abc import Iterator

from weightscape.data.corruptions import KINDS
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import SCHEMAS
from weightscape.study.seen_corruptions import SHOWN_BY


def named(schema: object) -> Iterator[list[str]]:
    """The kinds that each block of the schema allows for the source `corruption`."""
    if isinstance(schema, list):
        for item in schema:
            yield from named(item)
    elif isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict) and properties.get("source") == {"const": "corruption"}:
            yield properties["kind"]["enum"]
        for item in schema.values():
            yield from named(item)


def test_every_corruption_can_be_named_and_is_known_to_the_table_of_what_shows_it() -> None:
    assert list(named(read_yaml(SCHEMAS / "config.schema.yaml"))) == [list(KINDS)]
    assert list(SHOWN_BY) == list(KINDS)
