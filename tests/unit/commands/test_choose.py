"""`weightscape choose` and `ws.choose` on anyone's images and embeddings."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import weightscape as ws
from weightscape.cli import main
from weightscape.commands.choose import draw_curve, draw_sheet
from weightscape.diversity.choice import METHODS


def run(capsys, *arguments):
    code = main(["choose", *map(str, arguments)])
    return code, capsys.readouterr()


def folder(rng, path):
    """Seven images in a folder."""
    path.mkdir()
    for number in range(7):
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path / f"{number}.png")
    return path


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
    assert curve.loc[0, ["budget", "vendi"]].tolist() == pytest.approx([0, ws.vendi(np.load(embeddings[1]))])


def test_images_of_a_folder_are_named_and_shown(rng, tmp_path, capsys):
    images = folder(rng, tmp_path / "images")
    code, _ = run(capsys, images, "--budget", 5, "--method", "k_centre", "--out", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "chosen.csv")
    assert code == 0
    assert table["path"].tolist() == [str(images / f"{index}.png") for index in table["index"]]
    assert (tmp_path / "out" / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize(("chosen", "first", "last"), [(1, 1, 0), (5, 3, 2), (6, 3, 3), (25, 12, 12)])
def test_no_image_stands_on_the_sheet_twice(chosen, first, last, rng, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.imshow", lambda _, image, **__: drawn.append(image[0, 0]))
    images = np.broadcast_to(np.arange(chosen, dtype=np.uint8)[:, None, None, None], (chosen, 1, 4, 4))
    draw_sheet(images, tmp_path / "sheet.png")
    assert [int(image) for image in drawn] == [*range(first), *range(chosen - last, chosen)]


@pytest.mark.parametrize("wrong", [None, float("nan"), float("inf"), 2.5, "3", True, -1])
def test_budgets_and_seeds_are_whole_numbers(wrong, rng):
    rows = rng.standard_normal((9, 3))
    with pytest.raises(ws.UserError, match=r"budget = .*: give a whole number from 1 to that"):
        ws.choose(rows, wrong)
    with pytest.raises(ws.UserError, match=r"seed = .*: give a whole number from 0"):
        ws.choose(rows, 2, seed=wrong)


def test_images_of_two_sizes_may_be_compared_by_a_network(rng):
    images = [rng.integers(0, 256, (4, 3, side, side), dtype=np.uint8) for side in (8, 9)]
    with pytest.raises(ws.UserError, match="or compare images of any size by a network"):
        ws.choose(images[0], 2, images[1])


def test_images_that_cannot_be_read_are_counted_and_named_in_both_sets(rng, tmp_path, capsys):
    sets = [folder(rng, tmp_path / name) for name in ("candidates", "given")]
    for number in range(5):
        (sets[1] / f"broken{number}.png").write_bytes(b"no image")
    (sets[0] / "lost.png").write_bytes(b"no image")
    code, said = run(capsys, sets[0], "--given", sets[1], "--budget", 5, "--out", tmp_path / "out")
    notes = [line for line in said.out.splitlines() if "left out" in line]
    assert code == 0 and len(notes) == 2
    assert notes[0].startswith(f"note: {sets[0]}: left out: 1 of 8 images cannot be read: {sets[0] / 'lost.png'} (")
    assert notes[1].startswith(f"note: {sets[1]}: left out: 5 of 12 images cannot be read: {sets[1] / 'broken0.png'} (")
    assert notes[1].endswith("; 2 more")
    with pytest.raises(ws.UserError, match=r"given: 5 of 12 images cannot be read: .*broken2\.png .*; 2 more: mend"):
        (sets[0] / "lost.png").unlink()
        ws.choose(sets[0], 2, sets[1])


@pytest.mark.parametrize("form", [(1, 9, 16), (1, 16, 9)])
def test_images_of_two_forms_with_as_many_pixels_are_refused(form, rng):
    images = [rng.integers(0, 256, (4, *each), dtype=np.uint8) for each in ((1, 12, 12), form)]
    with pytest.raises(ws.UserError, match="bring both to one kind, size"):
        ws.choose(images[0], 2, images[1])


def test_images_of_two_sizes_that_are_compared_at_one_are_chosen_from(rng):
    images = [rng.integers(0, 256, (4, 1, side, side), dtype=np.uint8) for side in (40, 48)]
    assert len(ws.choose(images[0], 2, images[1])) == 2


def test_what_images_are_compared_by_is_a_name(rng):
    with pytest.raises(ws.UserError, match="by = None: give 'pixels' or the name of a network"):
        ws.choose(rng.standard_normal((9, 3)), 2, by=None)


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("file", "file is no folder"),
        ("file/below", "file is no folder"),
        ("dangling", "dangling is no folder"),
        ("locked/below", "locked may not be written into"),
        ("earlier", "sheet.png is a folder"),
    ],
)
def test_folders_that_cannot_be_written_are_refused_before_a_choice(
    out, sentence, embeddings, tmp_path, capsys, monkeypatch
):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "locked").mkdir()
    may = os.access
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "locked" and may(path, mode))
    (tmp_path / "earlier" / "sheet.png").mkdir(parents=True)
    (tmp_path / "earlier" / "chosen.csv").write_text("order,index,gain\n")
    monkeypatch.setattr("weightscape.library.choosing.chosen", None)
    code, said = run(capsys, embeddings[0], "--budget", 3, "--out", tmp_path / out)
    assert code == 1 and sentence in said.err and said.err.count("\n") == 1
    assert (tmp_path / "earlier" / "chosen.csv").exists()


@pytest.mark.parametrize(("given", "words"), [(True, "of all rows there"), (False, "of them")])
def test_the_score_says_whose_it_is(given, words, embeddings, tmp_path, capsys):
    more = ["--given", embeddings[1]] if given else []
    _, said = run(capsys, embeddings[0], *more, "--budget", 3, "--out", tmp_path / "out")
    assert f"Vendi score {words} " in said.out


def test_budgets_stand_on_the_curve_as_numbers(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    curve = pd.DataFrame({"budget": [0, 1, 2, 3], "vendi": [1.0, 2, 3, 4], "vendi_random": [1.0, 2, 3, 3]})
    draw_curve(curve, "log_det", tmp_path / "curve.png")
    axis = drawn[0].axes[0].xaxis
    assert [label.get_text() for label in axis.get_ticklabels()] == ["1", "2", "3"]
    assert not axis.get_ticklabels(minor=True)


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_a_direction_are_told(method, rng, tmp_path, capsys):
    rows = rng.standard_normal((10, 4))
    rows[[2, 5]] = 0
    np.save(tmp_path / "rows.npy", rows)
    arguments = tmp_path / "rows.npy", "--given", tmp_path / "rows.npy", "--budget", 2, "--out", tmp_path / "out"
    code, said = run(capsys, *arguments, "--method", method)
    assert code == 0 and said.out.count("2 of 10 rows are all zeros") == 2
    with pytest.warns(UserWarning, match="candidates: 2 of 10 rows are all zeros"):
        ws.choose(rows, 2, rng.standard_normal((3, 4)), method=method)


def test_pictures_of_an_earlier_run_do_not_stay(embeddings, rng, tmp_path, capsys):
    run(capsys, folder(rng, tmp_path / "images"), "--budget", 3, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "sheet.png").exists()
    run(capsys, embeddings[0], "--budget", 3, "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["chosen.csv", "curve.csv", "curve.png"]


@pytest.mark.parametrize("name", ["sheet.png", "curve.png", "curve.csv", "chosen.csv"])
def test_files_that_the_command_did_not_write_stay(name, embeddings, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("precious")
    code, said = run(capsys, embeddings[0], "--budget", 3, "--out", out)
    assert code == 1 and f"{out / name} is not of an earlier choice" in said.err
    assert [path.read_text() for path in out.iterdir()] == ["precious"]


def test_pictures_are_not_written_among_the_images(rng, tmp_path, capsys):
    images = folder(rng, tmp_path / "images")
    code, said = run(capsys, images, "--budget", 3, "--out", images / "out")
    assert code == 1 and "lies in" in said.err and not (images / "out").exists()


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
        (["--budget", 3, "--given", "other.npy"], "given ones images of [3, 2, 2]"),
        (["--budget", 3, "--given", "nothing.npy"], "does not exist"),
    ],
)
def test_faults_are_one_sentence(arguments, sentence, embeddings, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("other.npy", np.zeros((5, 3, 2, 2), np.uint8))
    code, said = run(capsys, embeddings[0], *arguments, "--out", "out")
    assert code == 1 and sentence in said.err and said.err.count("\n") == 1
