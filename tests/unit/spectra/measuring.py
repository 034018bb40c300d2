"""The engine with the settings of config.yaml, with changes, and with defaults that suit tests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.typed import from_json
from weightscape.project import DEFAULT_CONFIG
from weightscape.spectra import row, table
from weightscape.spectra.settings import SpectraSettings

DEFAULT = from_json(SpectraSettings, {**read_yaml(DEFAULT_CONFIG)["spectra"], "seed": 0})


def chosen(**changes: Any) -> SpectraSettings:
    """The settings of config.yaml with changes."""
    return replace(DEFAULT, **changes)


def measure(
    after: Mapping[str, np.ndarray],
    before: Mapping[str, np.ndarray] | None = None,
    *,
    settings: SpectraSettings = DEFAULT,
    matrices: tuple[str, ...] = ("after",),
    workers: int = 1,
    device: str | None = None,
    lanes: int | None = None,
    **more: Any,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The table and the eigenvalues; `more` are `head` and `leading`."""
    weights = row.Weights(after, before, **more)
    return table.measure(weights, settings, matrices, table.Resources(workers, device, lanes=lanes))
