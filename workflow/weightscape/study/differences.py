"""What a study's config has otherwise than that of the embedded study, config.yaml."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG


@functools.cache
def default_config() -> dict[str, Any] | None:
    """The config of the embedded study; None where the library stands alone."""
    return read_yaml(DEFAULT_CONFIG) if DEFAULT_CONFIG.is_file() else None


def differences(config: Mapping[str, Any], default: Mapping[str, Any]) -> list[list[str]]:
    """Key, default and own value of every setting of a study that differs, in the order of the default."""
    ours, theirs = dict(_leaves(config)), dict(_leaves(default))
    keys = [*theirs, *(key for key in ours if key not in theirs)]
    return [
        [key, _word(theirs, key), _word(ours, key)]
        for key in keys
        if (key in ours) != (key in theirs) or ours.get(key) != theirs.get(key)
    ]


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(leaves: Mapping[str, Any], key: str) -> str:
    return str(leaves[key]) if key in leaves else "not set"
