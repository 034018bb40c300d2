"""The study as asked: its config, the checks of it, and the jobs that it makes with the settings of each."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]
"""The config of a study, or a block of it, as YAML gives it and as the schema closes it."""
