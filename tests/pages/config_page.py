"""Writes workflow/docs/config.md from the schema of the config: every key with its type, default, meaning and effect.

PYTHONPATH=tests:workflow python tests/pages/config_page.py

Which jobs a key makes stale is found by changing it in a study that uses it, and comparing the settings of all jobs.
"""

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pages import config_contexts
from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG, ROOT, SCHEMAS
from weightscape.study import settings
from weightscape.study.jobs import records

PAGE = ROOT / "workflow" / "docs" / "config.md"
SCHEMA = read_yaml(SCHEMAS / "config.schema.yaml")
DEFAULT = read_yaml(DEFAULT_CONFIG)
ANY = {"data": "NAME", "backbones": "NAME", "doses": "DOSE", "ood": "NAME"}
"""The word that stands for the names in a block."""


@dataclass(frozen=True)
class Key:
    """One key of the config: its path, in which `NAME` and `DOSE` stand for names, its rule, its block's variant."""

    path: tuple[str, ...]
    rule: Mapping[str, Any]
    variant: str = ""

    @property
    def text(self) -> str:
        """The path as the page writes it."""
        return ".".join(self.path)


def keys(rule: Mapping[str, Any] = SCHEMA, path: tuple[str, ...] = (), variant: str = "") -> Iterator[Key]:
    """Every key that a config may have, in the order of the schema."""
    rule = resolved(rule)
    blocks = [rule, *(resolved(branch) for branch in rule.get("oneOf", []))]
    is_block = any("properties" in block or isinstance(block.get("additionalProperties"), dict) for block in blocks)
    if path and (not is_block or rule.get("properties") == {}):
        yield Key(path, rule, variant)
    if rule.get("type") == "array" and is_open(rule["items"]):
        yield from keys(rule["items"], (*path[:-1], f"{path[-1]}[]"), variant)
    for block in blocks:
        fixed = [value["const"] for value in map(resolved, block.get("properties", {}).values()) if "const" in value]
        for name, inner in block.get("properties", {}).items():
            if "const" not in resolved(inner):
                yield from keys(inner, (*path, name), ", ".join(map(str, fixed)) or variant)
        further = block.get("additionalProperties")
        if isinstance(further, dict):
            yield from keys(further, (*path, ANY.get(path[-1], "NAME")), variant)


def is_open(rule: Mapping[str, Any]) -> bool:
    """Whether a list's entries are blocks of keys."""
    return "properties" in resolved(rule)


def resolved(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """A rule with what it refers to, of which the rule's own words come first."""
    for part in rule.get("allOf", []):
        rule = {**resolved(part), **{key: value for key, value in rule.items() if key != "allOf"}}
    if "$ref" not in rule:
        return rule
    target = SCHEMA
    for part in rule["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolved(target), **{key: value for key, value in rule.items() if key != "$ref"}}


def allowed(rule: Mapping[str, Any]) -> str:
    """The type of a value and its range, in words."""
    rule = resolved(rule)
    if "enum" in rule:
        return ", ".join(map(shown, rule["enum"]))
    if "const" in rule:
        return shown(rule["const"])
    if either := next((word for word in ("anyOf", "oneOf") if word in rule), ""):
        common = {key: value for key, value in rule.items() if key != either}
        return " or ".join(dict.fromkeys(allowed({**common, **part}) for part in rule[either]))
    kinds = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", ["value"])
    words = " or ".join(WORDS.get(kind, kind) for kind in kinds)
    if rule.get("type") == "array":
        return f"list of {allowed(rule['items'])}" if not is_open(rule["items"]) else "list of blocks"
    if rule.get("type") == "object":
        return "block of keys"
    bounds = [f"{sign} {rule[name]:g}" for name, sign in BOUNDS.items() if name in rule]
    bounds += [f"multiple of {rule['multipleOf']}"] if "multipleOf" in rule else []
    bounds += [FORMS.get(rule["pattern"], f"form `{rule['pattern']}`")] if "pattern" in rule else []
    return ", ".join([words, *bounds])


FORMS = {
    "^[a-z0-9][a-z0-9.-]*$": "of a-z, 0-9, dots and dashes",
    "[.](safetensors|pth|pt|bin)$": "a path that ends in .safetensors, .pth, .pt or .bin",
    "[{]class[}]": "with {class} in it",
}
WORDS = {"integer": "whole number", "boolean": "true or false", "string": "text", "null": "null", "array": "list"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def shown(value: Any) -> str:
    """A value as YAML writes it."""
    text = json.dumps(value, ensure_ascii=False)
    return text.strip('"') if isinstance(value, str) and value and "{" not in value else text


def default(key: Key) -> str:
    """The value of config.yaml, or of the schema where the key may be left out."""
    block: Any = DEFAULT
    for part in key.path:
        block = block.get(part, ...) if isinstance(block, Mapping) else ...
    if block is not ...:
        text = shown(block)
        return f"`{text}`" if len(text) <= 60 else "see config.yaml"
    return f"`{shown(key.rule['default'])}`" if "default" in key.rule else ""


def jobs(config: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The rule and the settings of every job of a study, by the place of its record."""
    found, known = {}, {}
    for job, names in records(config):
        wildcards = {name: names[name] for name in settings.wildcards_of(job.rule)}
        same = job.rule, *wildcards.values()
        if same not in known:
            known[same] = settings.STAGES[job.rule](config, *wildcards.values())
        found[job.place(names)] = job.rule, known[same]
    return found


def stale(key: Key, contexts: Sequence[config_contexts.Context]) -> list[str] | None:
    """The rules with jobs that run again, or anew, when the key changes; None if no study could be changed."""
    if key.text in config_contexts.TOLD:
        return config_contexts.TOLD[key.text]
    if key.path[-1] == "axis":  # most families have a single number
        return ["aggregate"]
    found: dict[str, None] = {}
    tried = False
    for context in contexts:
        if found.keys() - {"report"} and key.path[0] not in ("study", "data", "generate"):
            break
        if key.path[0] == "generate" and "generate" not in {rule for rule, _ in context.jobs.values()}:
            continue
        for place in places(context.config, key.path):
            for config in changed(key, context, place):
                try:
                    after = jobs(config)
                except Exception:  # a value that no study could have
                    continue
                tried = True
                rules = [rule for place, (rule, asked) in after.items() if context.jobs.get(place) != (rule, asked)]
                found |= dict.fromkeys(rules)
                if rules and key.path[0] != "study" and "enum" not in key.rule:
                    break  # further values do what the first one does
    order = [job.rule for job in config_contexts.JOBS]
    return sorted(found, key=order.index) if tried else None


def changed(key: Key, context: config_contexts.Context, place: tuple[Any, ...]) -> Iterator[Mapping[str, Any]]:
    """The context's config with other values of the key at a place."""
    *blocks, last = place
    for value in config_contexts.others(key, value_at(context.config, place)):
        config = copy.deepcopy(context.config)
        inner = value_at(config, blocks)
        inner[last] = value
        yield config


def value_at(config: Any, place: Sequence[Any]) -> Any:
    """The value at a place."""
    for part in place:
        config = config[part]
    return config


def places(block: Any, path: tuple[str, ...], before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a key in a config; names and entries of lists stand for themselves."""
    if not path:
        yield before
        return
    first, rest = path[0], path[1:]
    if first.endswith("[]"):
        listed = block.get(first[:-2], []) if isinstance(block, Mapping) else []
        for number, inner in enumerate(listed):
            yield from places(inner, rest, (*before, first[:-2], number))
    elif isinstance(block, Mapping):
        for name in block if first in ("NAME", "DOSE") else [first] if first in block else []:
            yield from places(block[name], rest, (*before, name))


def row(key: Key, rules: list[str] | None) -> tuple[str, ...]:
    """The cells of a key: its name, allowed values, default, meaning, and the jobs that run again."""
    assert rules is not None, f"{key.text}: no study in tests/pages/config_contexts.py uses it"
    assert key.rule.get("description"), f"{key.text} has no description in the schema"
    first = [rule for rule in rules if rule != "report"] or ["report"]
    words = "all" if len(first) > 12 else ", ".join(first)
    return f"`{key.text}`", allowed(key.rule), default(key), str(key.rule["description"]), words


def table(group: Iterable[Key], contexts: Sequence[config_contexts.Context]) -> list[str]:
    """The rows of keys; those of several variants that agree stand in one row."""
    rows: dict[tuple[str, ...], list[str]] = {}
    known: dict[str, list[str] | None] = {}
    for key in group:
        if key.text not in known:  # variants lie in the same places
            known[key.text] = stale(key, contexts)
        rows.setdefault(row(key, known[key.text]), []).append(key.variant)
    lines = []
    for (name, *cells), variants in rows.items():
        of = f" ({', '.join(dict.fromkeys(filter(None, variants)))})" if any(variants) else ""
        lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in (name + of, *cells))} |")
    return lines


HEAD = """# Every key of a study

`make docs` writes this page from [the schema](../schemas/config.schema.yaml) and [config.yaml](../../config.yaml).
`NAME` and `DOSE` stand for names that you choose. The word in brackets is the source, kind or operation that the key
belongs to. The default is that of config.yaml, of which a study states only its difference, or what a data set takes
if it leaves the key out. The last column names the jobs that run again, or anew, when the key changes; after them
comes what is made from their results, and always the report. Jobs are named as their rules.
"""


def page() -> str:
    """The page."""
    lines = HEAD.splitlines()
    contexts = config_contexts.contexts(jobs)
    for block, group in itertools.groupby(keys(), key=lambda key: key.path[0]):
        text = resolved(SCHEMA["properties"][block]).get("description", "")
        lines += ["", f"## {block}", "", *([f"{text[0].upper()}{text[1:]}.", ""] if text else [])]
        lines += ["| key | allowed | default | meaning | runs again |", "|---|---|---|---|---|"]
        lines += table(group, contexts)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
