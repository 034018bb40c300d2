"""`weightscape settings`: one job's settings as JSON, as the workflow passes them to a stage's program."""

import argparse
import json
from pathlib import Path

from weightscape.errors import UserError
from weightscape.project import DEFAULT_CONFIG
from weightscape.study import settings
from weightscape.study.config import load

WILDCARDS = sorted({name for stage in settings.STAGES for name in settings.wildcards_of(stage)})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("stage", choices=sorted(settings.STAGES))
    for name in WILDCARDS:
        parser.add_argument(f"--{name}")
    add_config_arguments(parser)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Which study is meant: this folder's config.yaml, else that of the package, or a study's difference from it."""
    here = Path("config.yaml")
    default = here if here.is_file() else DEFAULT_CONFIG
    parser.add_argument("--config", type=Path, default=default, help="the full config")
    parser.add_argument("--configfile", type=Path, help="a study's difference from it")


def run(arguments: argparse.Namespace) -> int:
    config = load(arguments.config, arguments.configfile)
    names = {name: getattr(arguments, name) for name in WILDCARDS if getattr(arguments, name) is not None}
    try:
        print(json.dumps(settings.settings(config, arguments.stage, names), sort_keys=True))
    except KeyError as error:
        raise UserError(f"the config defines no {error.args[0]!r}: check the names of the job") from None
    return 0
