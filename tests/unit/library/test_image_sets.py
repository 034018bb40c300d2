"""`ws.vendi` and `ws.diversity`: the published formula, and one answer to every form of the same images."""

import doctest
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

import weightscape as ws
from weightscape.library import image_sets


def literal(x: np.ndarray, q: float) -> float:
    """The exponential of the Renyi entropy of the eigenvalues of the cosine kernel over n."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    p = np.linalg.eigvalsh(unit @ unit.T / len(x))
    p = p[p > 1e-12]
    if q == 1:
        return float(np.exp(-(p * np.log(p)).sum()))
    return float(1 / p.max()) if q == np.inf else float((p**q).sum() ** (1 / (1 - q)))


@given(st.integers(2, 12), st.integers(1, 9), st.sampled_from([0.5, 1, 2, np.inf]), st.integers(0, 99))
@settings(max_examples=25)
def test_the_score_is_the_published_formula(rows: int, columns: int, q: float, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((rows, columns))
    assert ws.vendi(x, q) == pytest.approx(literal(x, q), rel=1e-6)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert ws.vendi(unit @ unit.T, q, kernel="precomputed") == pytest.approx(literal(x, q), rel=1e-6)
    assert ws.vendi(list(unit), q, kernel=lambda one, other: float(one @ other)) == pytest.approx(
        literal(x, q), rel=1e-6
    )


def test_the_examples_in_the_docstrings_are_true() -> None:
    found = doctest.testmod(image_sets)
    assert found.attempted and not found.failed


@pytest.fixture
def pixels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (8, 24, 24, 3), dtype=np.uint8)


def test_every_form_of_the_same_images_has_the_same_score(pixels: np.ndarray, tmp_path: Path) -> None:
    pictures = [Image.fromarray(each) for each in pixels]
    for place, picture in enumerate(pictures):
        (tmp_path / "set" / f"class{place % 2}").mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "set" / f"class{place % 2}" / f"{place}.png")
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "a.npz", images=planes, labels=np.arange(8))
    save_file({"images": planes}, tmp_path / "a.safetensors")
    forms = [planes, torch.from_numpy(planes), torch.from_numpy(planes) / 255, pixels / 255, list(pixels), pictures]
    forms += [sorted((tmp_path / "set").rglob("*.png")), tmp_path / "set", str(tmp_path / "a.npy")]
    forms += [tmp_path / "a.npz", tmp_path / "a.safetensors"]
    expected = literal(pixels.reshape(8, -1) / 255, 1)
    for form in forms:
        assert ws.vendi(form) == pytest.approx(expected, rel=1e-5)


def test_grey_images_are_those_of_three_axes_and_pictures_of_several_sizes_are_brought_to_one() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (6, 10, 10), dtype=np.uint8)
    assert ws.vendi(grey) == pytest.approx(ws.vendi([Image.fromarray(each) for each in grey]))
    mixed = [Image.fromarray(np.pad(grey[0], place)) for place in range(4)]
    assert 1 <= ws.vendi(mixed) <= 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((5, 64, 64, 5), np.uint8), "neither axis 1 nor 3"),
        (np.zeros((64, 64, 3), np.uint8), "which is one picture, or pictures 3 px wide: give several"),
        (np.zeros((5, 3, 9, 3), np.uint8), "axis 1 or 3 may be the channels"),
        (np.full((5, 3, 9, 9), -1.0), "undo their normalisation"),
        (np.full((5, 9, 9, 3), 300), "undo their normalisation"),
        (np.full((5, 3), np.nan), "NaN or infinity"),
        ([np.zeros((3, 8, 8)), np.zeros((3, 9, 9))], "several shapes"),
        ([], "holds no images"),
        (7, "holds no images"),
        ("nowhere", "nowhere does not exist"),
        (["a", object()], "cannot be read|hold a object"),
    ],
)
def test_what_is_no_set_of_images_is_refused_in_one_sentence(given: object, words: str) -> None:
    with pytest.raises(ws.UserError, match=words):
        ws.vendi(given)


@pytest.mark.parametrize("function", [ws.vendi, ws.diversity])
def test_broken_files_are_counted_and_the_first_named(function, pixels: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    for name in "bcde":
        (tmp_path / f"{name}.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    words = r"4 of 5 images cannot be read: \S+b\.png \(.+\); \S+c\.png \(.+\); \S+d\.png \(.+\); 1 more: mend"
    for images in (tmp_path, sorted(tmp_path.iterdir())):
        with pytest.raises(ws.UserError, match=words):
            function(images)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ws.UserError, match="5 of 5 images cannot be read"):
        function(tmp_path)


@pytest.mark.parametrize("function", [ws.vendi, ws.diversity])
def test_rows_of_zeros_are_warned_of(function, rng: np.random.Generator) -> None:
    rows = rng.standard_normal((6, 3))
    rows[4] = 0
    with pytest.warns(UserWarning, match="1 of 6 rows are all zeros"):
        function(rows)


@pytest.mark.parametrize("matrix", [np.ones((2, 3)), 2 * np.eye(3), np.triu(np.ones((3, 3))), 3 * np.eye(3) - 2])
def test_what_is_no_kernel_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(ws.UserError, match="kernel matrix"):
        ws.vendi(matrix, kernel="precomputed")


def test_the_record_is_that_of_the_workflows_measures(rng: np.random.Generator) -> None:
    x, real = rng.standard_normal((30, 6)), rng.standard_normal((30, 6))
    record = ws.diversity(x, real, labels=torch.arange(30) % 2)
    assert record["vendi"]["whole"]["1"] == pytest.approx(literal(x, 1))
    assert record["vendi"]["common"]["rows"] == 15 and record["vendi"]["classes"]["count"] == 2
    assert record["reference"] is not None
    assert ws.diversity(x, rows=4)["vendi"]["common"]["rows"] == 4
    assert ws.diversity(x, seed=1) == ws.diversity(x, seed=1) != ws.diversity(x, seed=2)


def test_images_have_the_noise_of_their_own_shape_beside_them(pixels: np.ndarray) -> None:
    assert ws.diversity(pixels)["vendi"]["noise"]["mean"]["1"] > 1


def test_sets_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    x = rng.standard_normal((8, 3))
    with pytest.raises(ws.UserError, match="bring both to one form"):
        ws.diversity(x, rng.standard_normal((8, 4)))
    with pytest.raises(ws.UserError, match="at least 4"):
        ws.diversity(x[:3])
    with pytest.raises(ws.UserError, match="labels are"):
        ws.diversity(x, labels=[0.5] * 8)
    with pytest.raises(ws.UserError, match="embeddings already"):
        ws.diversity(x, backbone="resnet18")


def test_files_of_a_folder_that_are_no_images_are_named_in_a_warning(pixels: np.ndarray, tmp_path: Path) -> None:
    for place, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / f"{place}.gif")
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.warns(UserWarning, match="left out: ending .txt: .*notes.txt"):
        assert ws.vendi(tmp_path) > 1
