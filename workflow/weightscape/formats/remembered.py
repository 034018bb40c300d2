"""Keeps answers in a JSON file, so that a later process need not find them again."""

import contextlib
from pathlib import Path
from typing import Any

from weightscape.errors import UserError
from weightscape.formats.json_yaml import read_json, write_json


class Remembered:
    """The answers in a file, by key; a file that cannot be read holds none, and one that cannot be written stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Any] = {}
        with contextlib.suppress(UserError, OSError):
            read = read_json(path)
            self.answers = read if isinstance(read, dict) else {}

    def keep(self) -> None:
        """Write the answers, with those that were added."""
        with contextlib.suppress(UserError):
            write_json(self.path, self.answers)
