"""Settings of the stage `report`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReportSettings:
    """Title and figures of the page, and the study that it shows, as far as that is known.

    `differences` are the keys that differ from config.yaml, each with the value there and the study's.
    """

    title: str
    figures: tuple[str, ...]
    config: Mapping[str, Any] | None
    differences: tuple[tuple[str, ...], ...] | None
