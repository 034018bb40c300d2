"""init sees colours, grounds, faults and copies, in images that were made to have them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unit.made_images import folder
from weightscape.starter import folders, pictures


def looked(root: Path, most: int = 10_000) -> pictures.Looked:
    """The look at a folder."""
    return pictures.look(folders.found(root, str(root), root.parent / "arrays").pools, most)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize(("kind", "channels", "is_drawn"), [("photograph", 3, False), ("drawing", 1, True)])
def test_colours_and_grounds_are_told(kind: str, channels: int, is_drawn: bool, ending: str, tmp_path: Path) -> None:
    seen = looked(folder(tmp_path / "set", {"train": {"a": 15, "b": 15}}, kind, ending))
    assert (seen.channels, seen.is_drawn) == (channels, is_drawn)
    assert seen.sides == ((40, 40) if kind == "photograph" else (28, 28)) and not seen.unreadable


def test_grey_images_saved_as_rgb_are_grey(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {"a": 9, "b": 9}}, "drawing")
    for path in root.rglob("*.png"):
        Image.open(path).convert("RGB").save(path)
    assert looked(root).channels == 1


def test_faults_and_copies_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {"a": 12, "b": 12, "c": 1}, "test": {"a": 5, "b": 5}})
    for number in range(3):
        shutil.copy(root / f"train/a/00{number}.png", root / f"test/a/00{number}.png")
    shutil.copy(root / "train/a/005.png", root / "train/b/005.png")
    (root / "train/c/000.png").write_bytes(b"")
    half = (root / "train/a/007.png").read_bytes()
    (root / "train/a/007.png").write_bytes(half[: len(half) // 2])
    seen = looked(root)
    reasons = {Path(name).name: reason for name, reason in seen.unreadable}
    assert sorted(reasons) == ["000.png", "007.png"] and reasons["000.png"] == "is no image of a known format"
    assert seen.lost == ("c",) and seen.copied == pytest.approx(0.3)
    assert "of 10 images of test, 3 equal others in train" in seen.copies
    assert any(text.endswith("2 equal others there, 2 of them under another class") for text in seen.copies)


def test_of_a_large_set_a_sample_of_every_class_is_seen(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {"a": 30, "b": 30}})
    seen = looked(root, most=20)
    assert (seen.looked, seen.total) == (20, 60)


def test_an_image_of_more_pixels_than_are_read_is_unreadable_and_not_decoded(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {"a": 4, "b": 4}})
    Image.fromarray(np.zeros((20_000, 20_000), bool)).save(root / "train/a/000.png")
    assert [Path(name).name for name, _ in looked(root).unreadable] == ["000.png"]
