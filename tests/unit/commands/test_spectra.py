"""`weightscape spectra` from the outside."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from weightscape.cli import main


@pytest.fixture
def files(tmp_path):
    random = np.random.default_rng(0)
    for name in ("before", "after"):
        save_file(
            {"fc.weight": random.standard_normal((40, 30)), "fc.bias": np.zeros(40)},
            tmp_path / f"{name}.safetensors",
        )
    return tmp_path


def test_a_checkpoint_gives_a_table_and_its_eigenvalues(files, capsys):
    out, esd = files / "layers.parquet", files / "esd.safetensors"
    assert main(["spectra", str(files / "after.safetensors"), "--out", str(out), "--esd", str(esd)]) == 0
    assert list(pd.read_parquet(out)["layer"]) == ["fc"]
    assert load_file(esd)["after/fc/weight"].shape == (30,)
    assert "1 measured" in capsys.readouterr().out


def test_two_checkpoints_give_the_update_too(files):
    out = files / "layers.csv"
    before, after = (str(files / f"{name}.safetensors") for name in ("before", "after"))
    assert main(["spectra", after, "--before", before, "--out", str(out), "--workers", "2", "--head", "fc"]) == 0
    table = pd.read_csv(out)
    assert list(table["matrix"]) == ["before", "after", "delta"]
    assert set(table["role"]) == {"head"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--out", "layers.xls"], "must end in .parquet or .csv"),
        (["--out", "x.csv", "--workers", "0"], "--workers must be at least 1"),
    ],
)
def test_a_wrong_argument_is_one_sentence(files, capsys, change, words):
    assert main(["spectra", str(files / "after.safetensors"), *change]) == 1
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error


def test_two_checkpoints_of_other_names_are_one_sentence(files, capsys):
    save_file({"module.fc.weight": np.ones((4, 3))}, files / "other.safetensors")
    after, before = (str(files / f"{name}.safetensors") for name in ("after", "other"))
    assert main(["spectra", after, "--before", before, "--out", str(files / "x.csv")]) == 1
    assert "share no weight (the first are fc.weight and module.fc.weight)" in capsys.readouterr().err


def test_a_file_without_weights_is_named(files, capsys):
    save_file({"bias": np.zeros(3)}, files / "none.safetensors")
    assert main(["spectra", str(files / "none.safetensors"), "--out", str(files / "x.csv")]) == 1
    assert "has no weight matrices" in capsys.readouterr().err
