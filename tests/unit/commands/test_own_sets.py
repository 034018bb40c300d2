"""Sets of images in the forms that people have: any order of axes, floats, numpy files, folders, lists."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from weightscape.commands.own_sets import as_images, read
from weightscape.errors import UserError


@given(
    seed=st.integers(0, 1000),
    channels=st.sampled_from([1, 3]),
    side=st.integers(5, 20),
    last=st.booleans(),
    floats=st.booleans(),
)
def test_every_order_of_axes_and_floats_give_the_same_images(
    seed: int, channels: int, side: int, last: bool, floats: bool
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (3, channels, side, side + 1), np.uint8)
    given_images = images.transpose(0, 2, 3, 1) if last else images
    given_images = given_images / 255 if floats else given_images
    assert np.array_equal(as_images(Path("x"), given_images), images)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 64, 64, 5), np.uint8), "64 channels"),
        (np.zeros((4, 2, 8, 8), np.uint8), "2 channels"),
        (np.full((4, 3, 8, 8), -1.0), r"floats must lie in \[0, 1\]"),
        (np.full((4, 3, 8, 8), np.nan), r"floats must lie in \[0, 1\]"),
        (np.zeros((4, 3, 8, 8), np.int64), "must be uint8"),
        (np.zeros((4, 8), np.uint8), "must be uint8"),
    ],
)
def test_images_of_another_form_are_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        as_images(Path("x"), images)


def test_npy_npz_lists_and_safetensors_hold_the_same(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", images=images, labels=np.arange(5))
    np.savez(tmp_path / "c.npz", *images)
    save_file({"images": images}, tmp_path / "d.safetensors")
    read_sets = [read(path, 32)["images"] for path in sorted(tmp_path.iterdir())]
    for one in read_sets:
        assert np.array_equal(one, images.transpose(0, 3, 1, 2))


def test_a_folder_and_a_list_of_files_are_read(tmp_path: Path) -> None:
    for name, value in (("cat", 10), ("dog", 200)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (40, 30), (value,) * 3).save(tmp_path / "set" / name / f"{number}.gif")
    read_set = read(tmp_path / "set", 32)
    assert read_set["images"].shape == (4, 3, 32, 32) and read_set["labels"].tolist() == [0, 0, 1, 1]
    (tmp_path / "list.txt").write_text("set/dog/0.gif\nset/cat/1.gif\n")
    assert read(tmp_path / "list.txt", 32)["images"][:, 0, 0, 0].tolist() == [200, 10]


def test_the_users_file_is_never_to_be_deleted(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.npz", "c.npy", "d.bin"):
        (tmp_path / name).write_bytes(b"no such file")
        with pytest.raises(UserError) as fault:
            read(tmp_path / name, 32)
        assert "delete" not in str(fault.value)
