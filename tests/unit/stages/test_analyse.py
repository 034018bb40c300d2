"""The stage that analyses, from tables to tables."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unit.metrics import simulated_studies as simulate
from unit.metrics.planted import options
from weightscape.formats.tables import read_table, write_table
from weightscape.metrics import table_schema
from weightscape.stages import analyse

MATRICES = ("before", "after", "delta")
INTERVALS = ("effect_intervals", "outcome_intervals", "baseline_differences")


@pytest.mark.process
def test_the_intervals_of_conditions_are_at_the_studys_level(tmp_path: Path) -> None:
    study = simulate.tables(simulate.Truth(seeds=3), np.random.default_rng(0))
    changes = (
        study["effects"].query("metric == 'log_norm' and source == 'change'").rename(columns={"value": "log_norm"})
    )
    layers = [changes.assign(matrix=m, status="ok", log_norm=changes["log_norm"] * (m != "before")) for m in MATRICES]
    study["layers"] = pd.concat(layers)
    study["quantiles"] = table_schema.empty("quantiles")
    for name in analyse.READ:
        write_table(tmp_path / f"{name}.parquet", study[name])
    widths = {}
    for alpha in (0.05, 0.2):
        settings = asdict(options(metrics=["log_norm"], draws=9, alpha=alpha))
        analyse.main(["--tables", str(tmp_path), "--settings", json.dumps(settings)])
        tables = [read_table(tmp_path / f"{name}.parquet") for name in INTERVALS]
        widths[alpha] = [(table["high"] - table["low"]).mean() for table in tables]
    assert all(wide > 1.2 * narrow > 0 for wide, narrow in zip(widths[0.05], widths[0.2], strict=True))
