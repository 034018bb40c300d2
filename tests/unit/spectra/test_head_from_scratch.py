"""A network from scratch has all its layers in `initial`; only the one that its run names is the head."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from weightscape.files import write_tensors
from weightscape.records import write_record
from weightscape.stages import spectra, spectra_before


def test_only_the_named_layer_is_the_head(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    initial = {"body.weight": rng.standard_normal((20, 16)), "fc.weight": rng.standard_normal((10, 16))}
    initial = {name: array.astype(np.float32) for name, array in initial.items()}
    write_tensors(tmp_path / "weights.safetensors", {})
    write_tensors(tmp_path / "initial.safetensors", initial)
    after = tmp_path / "after.safetensors"
    write_tensors(after, {name: array * np.float32(1.1) for name, array in initial.items()})
    write_record(tmp_path, stage="finetune", settings={}, code="", inputs=[], outputs=[after], facts={"head": "fc"})
    settings = ["--settings", json.dumps({"spectra": {}, "seed": 1})]
    weights = ["--weights", str(tmp_path / "weights.safetensors")]
    spectra_before.main([*settings, *weights, "--out", str(tmp_path / "before")])
    assert len(pd.read_parquet(tmp_path / "before" / "layers.parquet")) == 0
    files = ["--initial", str(tmp_path / "initial.safetensors"), "--after", str(after)]
    spectra.main([*settings, *weights, *files, "--out", str(tmp_path / "out")])
    table = pd.read_parquet(tmp_path / "out" / "layers.parquet")
    assert set(zip(table["layer"], table["role"], strict=True)) == {("body", "hidden"), ("fc", "head")}
    assert sorted(table["matrix"].unique()) == ["after", "before", "delta"]
