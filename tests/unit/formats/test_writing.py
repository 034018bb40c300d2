import resource
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from weightscape.errors import UserError
from weightscape.formats import json_yaml, tables, tensors, writing


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    json_yaml.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        json_yaml.write_json(path, {"new": float("nan")})
    assert json_yaml.read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_the_digest_of_settings_ignores_the_order_of_keys() -> None:
    assert writing.digest({"a": 1, "b": 2}) == writing.digest({"b": 2, "a": 1})
    assert writing.digest({"a": 1}) != writing.digest({"a": 2})


@pytest.mark.parametrize("kept", [0, 4, 60])
def test_a_truncated_tensor_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "w.safetensors"
    tensors.write_tensors(path, {"w": np.ones((4, 4), np.float32)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"w\.safetensors is not a whole safetensors file"):
        tensors.read_tensors(path)


def test_a_truncated_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write_table(path, pd.DataFrame({"a": [1, 2]}))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"t\.parquet is not a whole parquet table"):
        tables.read_table(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (json_yaml.read_json, tensors.read_tensors, tables.read_table):
        with pytest.raises(UserError, match="does not exist"):
            read(tmp_path / "none")


def test_tables_read_back_equal_from_both_formats(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [0.1, 1 / 3, 1e-300], "name": ["a", "b", "c"]})
    for ending in ("parquet", "csv"):
        tables.write_table(tmp_path / f"t.{ending}", table)
    pd.testing.assert_frame_equal(tables.read_table(tmp_path / "t.parquet"), table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)


@pytest.mark.parametrize("ending", ["json", "safetensors", "parquet", "csv"])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"result.{ending}"
    path.write_text("old")
    many = np.random.default_rng(0).random(4000)
    write = {
        "json": lambda: json_yaml.write_json(path, many.tolist()),
        "safetensors": lambda: tensors.write_tensors(path, {"w": many}),
    }.get(ending, lambda: tables.write_table(path, pd.DataFrame({"x": many})))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(UserError, match=rf"result\.{ending} cannot be written .*(too large|os error 27)"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_written_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"/sys/weightscape/a\.json cannot be written"):
        json_yaml.write_json("/sys/weightscape/a.json", {})
