"""The config of a study, checked before the first job: against the closed schema, and for names that must fit."""

import copy
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_users_yaml, read_yaml
from weightscape.formats.schema import fault_in
from weightscape.formats.schema_values import completed, typed
from weightscape.project import DEFAULT_CONFIG, SCHEMAS
from weightscape.study import Config, recipes, study
from weightscape.study.checks import amounts, names, own_files
from weightscape.study.checks import doses as dose_checks

SCHEMA = SCHEMAS / "config.schema.yaml"


def checked(config: Config, overrides: Config | None = None) -> Config:
    """The config if it fits the schema and refers only to what it defines; else a `UserError` of one sentence.

    A dose or OOD set that is null is left out: a study cannot drop a key of config.yaml otherwise. Keys that are
    missing take the schema's default, if they have one. `overrides` are the settings of Snakemake's `--config`, all of
    which are text; they count as what the schema asks for. A `~` at the start of a path is the home folder.
    """
    whole = completed(_without_nulls(typed(config, overrides, SCHEMA) if overrides else config), SCHEMA)
    _expand_home(whole)
    if "allow_retraining" in whole:
        raise UserError(
            "config: allow_retraining is no setting of a study: take it out, and give the leave for one start by "
            "`weightscape resume --allow-retraining` or WEIGHTSCAPE_ALLOW_RETRAINING=1 in the environment"
        )
    fault = fault_in(whole, SCHEMA)
    if fault:
        raise UserError(f"config: {fault}")
    _check_references(whole)
    if not study.uses_generator(whole):
        whole["figures"] = [name for name in whole["figures"] if name != "synthetic_samples"]
    return whole


def _check_references(config: Config) -> None:
    """Checks, subject by subject, what the schema cannot state."""
    names.check(config)
    dose_checks.check(config)
    study = config["study"]
    for dataset in study["datasets"]:
        own_files.check_data(config, dataset)
    for backbone in study["backbones"]:
        own_files.check_backbone(config, backbone)
    own_files.check_generator(config)
    recipes.check(config)
    counted = {dataset: own_files.counted(config, dataset) for dataset in study["datasets"]}
    recipes.check_words(config, [amounts.classes(block, counted.get(name)) for name, block in config["data"].items()])
    amounts.check(config, counted)


PATHS = ("root", "path", "weights", "model", "lora", "tables", "conditions")
"""Keys whose values name the user's files."""


def _expand_home(block: dict[str, Any]) -> None:
    """Puts the home folder in place of a ~ at the start of the paths in a block."""
    for key, value in block.items():
        if isinstance(value, dict):
            _expand_home(value)
        elif key in PATHS and isinstance(value, str) and value.startswith("~"):
            block[key] = str(Path(value).expanduser())


def _without_nulls(config: Config) -> Config:
    """The config without the doses and OOD sets that a study sets to null."""
    try:
        whole = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"config: it holds a value that is no text, number, list or block of keys ({error}): mend it"
        ) from None
    for block, part in (("families", "doses"), ("data", "ood")):
        defined = whole.get(block)
        for key, one in defined.items() if isinstance(defined, dict) else ():
            if isinstance(one, dict) and isinstance(one.get(part), dict):
                left_out = [name for name, value in one[part].items() if value is None]
                _check_left_out(block, key, part, left_out)
                one[part] = {name: value for name, value in one[part].items() if value is not None}
    return whole


def _check_left_out(block: str, key: str, part: str, names: list[str]) -> None:
    """A name that is set to null must be one of config.yaml, in this family or in one that shares its doses."""
    default = (default_config() or {}).get(block, {})
    parts = [one.get(part, {}) for one in default.values()]
    unknown = [name for name in names if parts and not any(name in each for each in parts)]
    if unknown:
        known = ", ".join(default.get(key, {}).get(part, {})) or "none"
        raise UserError(
            f"config: {block}.{key}.{part}.{unknown[0]} is null, but there is none to leave out; known: {known}"
        )


def load(config: Path, difference: Path | None) -> Config:
    """The checked config of a study, merged as Snakemake merges it: blocks are merged, lists replaced.

    Snakemake puts the keys of the study first, and so do doses stand in the settings of jobs.
    """
    own = _read(difference) if difference else {}
    merged = copy.deepcopy(own)
    _merge(merged, _read(config))
    _merge(merged, own)
    checked_config = checked(merged)
    check_named(config, [difference] if difference else [])
    return checked_config


def results_folder(config: Config, default: Path) -> str:
    """`results` for the study that the file `default` names, `results/studies/{name}` for every other."""
    own = read_yaml(default)["study"]["name"]
    name = config["study"]["name"]
    return "results" if name == own else f"results/studies/{name}"


def check_named(default: Path, files: Iterable[Path]) -> None:
    """A study's files must give it a name of its own, since its results would replace those of `default` otherwise."""
    others = [path for path in files if path.is_file() and path.resolve() != default.resolve()]
    blocks = [(read_yaml(path) or {}).get("study") or {} for path in [default, *others]]
    own, *named = [block["name"] for block in blocks if "name" in block]
    if others and (not named or named[-1] == own):
        fault = f"names the study {own!r}, as {default.name} does," if named else "names no study,"
        raise UserError(
            f"{others[-1 if named else 0]} {fault} so that its results would replace those of {default.name}: give it "
            "another name by study: {name: ...}"
        )


def _read(path: Path) -> dict[str, Any]:
    content = read_users_yaml(path, "the study's config")
    if not isinstance(content or {}, dict):
        raise UserError(f"{path} holds no blocks of keys, but {type(content).__name__}: config.yaml shows the form")
    return content or {}


def _merge(target: dict[str, Any], source: Config) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


@functools.cache
def default_config() -> Config | None:
    """The config of the embedded study; None where the library stands alone."""
    return read_yaml(DEFAULT_CONFIG) if DEFAULT_CONFIG.is_file() else None


def differences(config: Config, default: Config) -> list[list[str]]:
    """Key, default and own value of every setting of a study that differs, in the order of the default."""
    ours, theirs = dict(_leaves(config)), dict(_leaves(default))
    keys = [*theirs, *(key for key in ours if key not in theirs)]
    return [
        [key, _word(theirs, key), _word(ours, key)]
        for key in keys
        if (key in ours) != (key in theirs) or ours.get(key) != theirs.get(key)
    ]


def _leaves(config: Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(leaves: Config, key: str) -> str:
    return str(leaves[key]) if key in leaves else "not set"
