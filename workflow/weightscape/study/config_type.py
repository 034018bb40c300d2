"""The type of a study's config: nested blocks, as YAML gives them and as the schema closes them."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]
