"""Reads and writes JSON, and reads YAML, with one sentence for a file that is broken."""

import json
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.writing import replacing


def write_json(path: Path | str, value: object) -> None:
    """Write a JSON file; NaN is refused, so that readers in every language agree (use None)."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run the stage that makes it") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}): delete it and run its stage again") from None


def read_yaml(path: Path | str) -> Any:
    """Read a YAML file of the project's own, by the compiled parser where there is one (ten times as fast)."""
    import yaml

    return yaml.load(Path(path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_users_yaml(path: Path, name: str, loader: Any = None) -> Any:
    """Read a YAML file that a person wrote, safely; `name` says what to name instead of one that cannot be read."""
    import yaml

    try:
        return yaml.load(path.read_text(), loader or yaml.SafeLoader)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name {name}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{path} is not valid YAML ({' '.join(str(error).split())}): mend it") from None
