"""The profile of one study: that of the site, with more time and memory for the rules that need more in this study."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import yaml

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.writing import replacing

ASKED = re.compile(r"(\d+) \* attempt")
"""The form of an amount that may be raised; what a site wrote otherwise stays."""


class Need(Protocol):
    """The minutes and megabytes that a job needs."""

    @property
    def minutes(self) -> int: ...

    @property
    def megabytes(self) -> int: ...


def written(profile: Path, needs: Mapping[str, Need], folder: Path) -> Path:
    """Write the profile of a study into `folder`, and say what it raises; returns the folder."""
    settings = read_yaml(profile / "config.yaml")
    rules = settings["set-resources"] = settings.get("set-resources") or {}
    for rule, resource, now, wanted in raised(settings, needs):
        print(f"{rule}: {resource} = {wanted} instead of {now}, by the cost model", flush=True)
        rules[rule] = {**(rules.get(rule) or {}), resource: f"{wanted} * attempt"}
    with replacing(folder / "config.yaml") as temporary:
        temporary.write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


def raised(settings: Mapping[str, Mapping], needs: Mapping[str, Need]) -> Iterator[tuple[str, str, int, int]]:
    """Rule, resource, amount in the profile and amount needed, wherever the profile has less than is needed."""
    for rule, need in needs.items():
        asked = {**(settings.get("default-resources") or {}), **(settings["set-resources"].get(rule) or {})}
        for resource, wanted in (("runtime", need.minutes), ("mem_mb", need.megabytes)):
            amount = ASKED.fullmatch(str(asked.get(resource, "")))
            if amount and int(amount[1]) < wanted:
                yield rule, resource, int(amount[1]), wanted
