"""`weightscape settings`: one job's settings as JSON, as the workflow passes them to a stage's program."""

import argparse
import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weightscape import slices, study
from weightscape.config import checked
from weightscape.errors import UserError
from weightscape.files import read_users_yaml

HELP = "the settings of one job as JSON, to run a stage's program by hand"
WILDCARDS = ("dataset", "split", "backbone", "generator", "recipe", "shard", "family", "dose", "seed")


def configure(parser: argparse.ArgumentParser) -> None:
    """The stage, the names of the job, and the config."""
    parser.add_argument("stage", choices=sorted(slices.SLICES))
    for name in WILDCARDS:
        parser.add_argument(f"--{name}")
    add_config_arguments(parser)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Which study is meant: config.yaml, or its difference in a file of workflow/studies."""
    parser.add_argument("--config", type=Path, default=Path("config.yaml"), help="the full config")
    parser.add_argument("--configfile", type=Path, help="a study's difference from it")


def run(arguments: argparse.Namespace) -> int:
    """Print the settings."""
    config = load(arguments.config, arguments.configfile)
    names = {name: getattr(arguments, name) for name in WILDCARDS if getattr(arguments, name) is not None}
    try:
        print(json.dumps(slices.settings(config, arguments.stage, names), sort_keys=True))
    except TypeError as error:
        missing = str(error).rsplit(": ", 1)[-1].replace("'replicate'", "'seed'")
        raise UserError(f"stage {arguments.stage} needs {missing}: add the option of that name") from None
    except KeyError as error:
        raise UserError(f"the config defines no {error.args[0]!r}: check the names of the job") from None
    return 0


def load(config: Path, difference: Path | None) -> dict[str, Any]:
    """The checked config of a study, merged as Snakemake merges it: blocks are merged, lists replaced.

    Snakemake puts the keys of the study first, and so do doses stand in the settings of jobs.
    """
    own = _read(difference) if difference else {}
    merged = copy.deepcopy(own)
    _merge(merged, _read(config))
    _merge(merged, own)
    checked_config = checked(merged)
    study.check_named(config, [difference] if difference else [])
    return checked_config


def _read(path: Path) -> dict[str, Any]:
    content = read_users_yaml(path, "the study's config")
    if not isinstance(content or {}, dict):
        raise UserError(f"{path} holds no blocks of keys, but {type(content).__name__}: config.yaml shows the form")
    return content or {}


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value
