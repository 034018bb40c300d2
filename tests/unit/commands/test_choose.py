"""`weightscape choose` and `ws.choose` on anyone's images and embeddings."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import weightscape as ws
from weightscape.cli import main


def run(capsys, *arguments):
    code = main(["choose", *map(str, arguments)])
    return code, capsys.readouterr()


@pytest.fixture
def embeddings(rng, tmp_path):
    paths = tmp_path / "candidates.npy", tmp_path / "real.npy"
    real = rng.standard_normal((30, 6)) * [1, 1, 1, 0, 0, 0]
    np.save(paths[0], np.concatenate([real, rng.standard_normal((10, 6))]).astype(np.float32))
    np.save(paths[1], real.astype(np.float32))
    return paths


def test_embeddings_that_are_there_already_are_chosen_last(embeddings, tmp_path, capsys):
    out = tmp_path / "out"
    code, said = run(capsys, embeddings[0], "--given", embeddings[1], "--budget", 40, "--out", out)
    table = pd.read_csv(out / "chosen.csv")
    assert code == 0 and said.out.startswith("40 of 40 chosen by log_det")
    assert table["order"].tolist() == list(range(1, 41)) and sorted(table["index"]) == list(range(40))
    assert (table["index"][:3] >= 30).all() and (np.diff(table["gain"]) <= 1e-9).all()
    assert (out / "curve.png").stat().st_size > 1000 and not (out / "sheet.png").exists()
    curve = pd.read_csv(out / "curve.csv")
    assert curve["vendi"].iloc[-1] == pytest.approx(curve["vendi_random"].iloc[-1])  # all were chosen


def test_images_of_a_folder_are_named_and_shown(rng, tmp_path, capsys):
    for number in range(7):
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    code, said = run(capsys, tmp_path, "--budget", 5, "--method", "k_centre", "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "chosen.csv")
    assert code == 0 and "broken.png" in said.out
    assert table["path"].tolist() == [str(tmp_path / f"{index}.png") for index in table["index"]]
    assert (tmp_path / "out" / "sheet.png").stat().st_size > 1000


def test_the_library_gives_the_same_list(embeddings, tmp_path, capsys):
    run(capsys, embeddings[0], "--budget", 12, "--method", "vendi", "--out", tmp_path / "out")
    table = ws.choose(np.load(embeddings[0]), 12, method="vendi")
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "out" / "chosen.csv"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--budget", 41], "budget = 41, but there are 40 candidates"),
        (["--budget", 0], "budget = 0"),
        (["--budget", 3, "--by", "resnet18"], "embeddings already"),
        (["--budget", 3, "--weights", "none"], "--weights none are a network's"),
        (["--budget", 3, "--given", "other.npy"], "given ones images of 12"),
        (["--budget", 3, "--given", "nothing.npy"], "does not exist"),
    ],
)
def test_faults_are_one_sentence(arguments, sentence, embeddings, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("other.npy", np.zeros((5, 3, 2, 2), np.uint8))
    code, said = run(capsys, embeddings[0], *arguments, "--out", "out")
    assert code == 1 and sentence in said.err and said.err.count("\n") == 1
