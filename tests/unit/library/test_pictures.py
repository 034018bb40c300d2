"""Sets of images in the forms that people have: any order of axes, floats, numpy files, folders, lists."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from weightscape.errors import UserError
from weightscape.library.image_arrays import as_images
from weightscape.library.pictures import loaded


@given(
    seed=st.integers(0, 1000),
    channels=st.sampled_from([1, 3]),
    height=st.integers(5, 20),
    width=st.integers(5, 20),
    last=st.booleans(),
    dtype=st.sampled_from(["uint8", "int64", "uint16", "float16", "float32", "float64"]),
)
def test_every_order_of_axes_and_type_gives_the_same_images(
    seed: int, channels: int, height: int, width: int, last: bool, dtype: str
) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (3, channels, height, width), np.uint8)
    other = images.transpose(0, 2, 3, 1) if last else images
    other = (other / 255).astype(dtype) if dtype.startswith("float") else other.astype(dtype)
    found, notes = as_images(other, "x")
    assert np.array_equal(found, images)
    assert len(notes) == last + (dtype != "uint8")


@given(shape=st.lists(st.integers(0, 6), min_size=1, max_size=5), kind=st.sampled_from("?bBhfdcUO"), low=st.floats())
def test_an_array_of_any_form_is_a_set_or_a_users_error(shape: list[int], kind: str, low: float) -> None:
    array = np.zeros(shape, kind)
    if kind in "fd":
        with np.errstate(over="ignore"):
            array += low
    try:
        found = loaded(array, "x")
    except UserError as fault:
        assert "\n" not in str(fault) and str(fault).startswith("x ")
        return
    assert len(found) == shape[0]
    if found.images is not None:
        assert found.images.dtype == np.uint8 and found.images.ndim == 4 and found.images.shape[1] in (1, 3)
    else:
        assert found.rows is not None and np.isfinite(found.rows).all()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_zeros_and_ones_are_black_and_white(dtype: str, tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (4, 1, 8, 9))
    np.save(tmp_path / "masks.npy", masks.astype(dtype))
    (tmp_path / "masks.npy").rename(tmp_path / "MASKS.NPY")
    found = loaded(tmp_path / "MASKS.NPY")
    assert np.array_equal(found.images, 255 * masks) and len(found.notes) == 1


def test_transparency_is_laid_on_white() -> None:
    clear = np.zeros((2, 8, 8, 4), np.uint8)
    found, notes = as_images(clear, "x")
    assert (found == 255).all() and found.shape == (2, 3, 8, 8) and "transparency" in notes[-1]


@pytest.mark.parametrize(("opaque", "kind"), [(1, "uint8"), (16, "uint8"), (0, "uint8"), (1 / 255, "float32")])
def test_images_that_their_fourth_channel_hides_are_no_white_ones(opaque: float, kind: str) -> None:
    images = np.random.default_rng(0).random((3, 8, 8, 4)) * (255 if kind == "uint8" else 1)
    images[1:, ..., 3] = opaque
    with pytest.raises(UserError, match=r"2 images of 3 that their fourth channel hides.*\(the first: 1\)"):
        as_images(images.astype(kind), "x")


@pytest.mark.parametrize("past", [1e-7, 1e-3])
def test_floats_that_leave_0_to_1_by_rounding_are_the_same_pixels(past: float) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 16, 16), np.uint8)
    floats = (images / 255 - past) * (1 + 2 * past)
    assert floats.min() < 0 and np.array_equal(as_images(floats, "x")[0], images)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ma.masked_greater(np.arange(12.0).reshape(4, 3), 9), "hides 2 of its 12 values"),
        (torch.ones(4, 3).to_sparse(), r"tensor \[4, 3\] has no plain numbers"),
        (torch.empty(4, 3, device="meta"), r"tensor \[4, 3\] has no plain numbers"),
    ],
)
def test_values_that_are_hidden_or_not_there_are_refused(array: object, words: str) -> None:
    for either in (array, [array, array]):
        with pytest.raises(UserError, match=words):
            loaded(either)


def test_of_two_axes_that_may_be_channels_that_counts_which_leaves_square_pictures() -> None:
    assert as_images(np.zeros((9, 1, 4, 4), np.uint8), "x")[0].shape == (9, 1, 4, 4)
    assert as_images(np.zeros((9, 1, 1, 3), np.uint8), "x")[0].shape == (9, 3, 1, 1)
    with pytest.raises(UserError, match="axis 1 or 3 may be the channels"):
        as_images(np.zeros((9, 3, 3, 3), np.uint8), "x")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 64, 64, 5), np.uint8), "64 channels"),
        (np.zeros((4, 2, 8, 8), np.uint8), "2 channels"),
        (np.full((4, 3, 8, 8), -1.0), r"floats must lie in \[0, 1\]"),
        (np.full((4, 3, 8, 8), np.nan), r"floats must lie in \[0, 1\]"),
        (np.full((4, 3, 8, 8), 256), r"whole numbers must lie in \[0, 255\]"),
        (np.zeros((4, 3, 8, 8), complex), "must be uint8"),
        (np.zeros((4, 8), np.uint8), "must be uint8"),
    ],
)
def test_images_of_another_form_are_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        as_images(images, "x")


def test_npy_npz_lists_and_safetensors_hold_the_same(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", images=images, labels=np.arange(5))
    np.savez(tmp_path / "c.npz", *images)
    save_file({"images": images}, tmp_path / "d.safetensors")
    for path in sorted(tmp_path.iterdir()):
        assert np.array_equal(loaded(path).images, images.transpose(0, 3, 1, 2))
    assert loaded(tmp_path / "b.npz").labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("more", [np.arange(5), np.array(["a", None], object), np.array(["a"])])
def test_arrays_of_a_file_that_are_not_read_are_told(more: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((5, 1, 8, 8), np.uint8), ids=more)
    assert loaded(tmp_path / "a.npz").notes == ("ids of the file are not read",)


def test_files_of_arrays_of_both_kinds_are_read_by_one_rule(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 3))
    for arrays in ({"features": rows, "foo": rows}, {"foo": rows}, {"arr_0": rows, "arr_1": rows[:3]}, {"arr_0": rows}):
        np.savez(tmp_path / "a.npz", **arrays)
        save_file({name: array.copy() for name, array in arrays.items()}, tmp_path / "a.safetensors")
        answers = []
        for ending in ("npz", "safetensors"):
            try:
                found = loaded(tmp_path / f"a.{ending}")
                answers.append((found.rows.tolist(), found.notes))
            except UserError as fault:
                answers.append(str(fault).replace(ending, ""))
        assert answers[0] == answers[1]


def test_a_folder_and_a_list_of_files_are_read(tmp_path: Path) -> None:
    for name, value in (("cat", 10), ("dog", 200)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (40, 30), (value,) * 3).save(tmp_path / "set" / name / f"{number}.gif")
    (tmp_path / "set" / "cat" / "half.gif").write_bytes(b"GIF89a")
    notes = tmp_path / "set" / "notes.txt"
    notes.write_text("no image")
    found = loaded(tmp_path / "set")
    assert found.images.shape == (4, 3, 30, 30) and found.labels.tolist() == [0, 0, 1, 1]
    assert len(found.broken) == 1 and "half.gif" in found.broken[0] and found.left_out == (f"ending .txt: {notes}",)
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfset/dog/0.gif\r\nset/cat/1.gif\r\n")
    assert loaded(tmp_path / "list.txt").images[:, 0, 0, 0].tolist() == [200, 10]
    (tmp_path / "list.txt").write_text("set/dog/0.gif\nset/cat/half.gif\n")
    with pytest.raises(UserError, match=r"1 of 2 images cannot be read: \S+half\.gif"):
        loaded(tmp_path / "list.txt")


def test_large_pictures_are_brought_to_a_side_that_memory_holds() -> None:
    assert loaded([Image.new("L", (500, 400))] * 2).images.shape == (2, 1, 224, 224)


def test_one_tiny_picture_leaves_half_the_side_of_the_others() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 40, 40), np.uint8)
    assert loaded([*map(Image.fromarray, noise), Image.new("L", (900, 1))]).images.shape == (6, 1, 20, 20)
    assert loaded([*map(Image.fromarray, noise), Image.new("L", (30, 30))]).images.shape == (6, 1, 30, 30)


def test_twelve_bits_in_sixteen_are_not_measured_as_sixteen_grey_levels() -> None:
    dark = np.random.default_rng(0).integers(0, 4096, (5, 9, 9)).astype(np.uint16)
    with pytest.raises(UserError, match="no pixel brighter than 16 of 255"):
        loaded([*map(Image.fromarray, dark)])


def test_the_users_file_is_never_to_be_deleted(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.npz", "c.npy", "d.bin"):
        (tmp_path / name).write_bytes(b"no such file")
        with pytest.raises(UserError) as fault:
            loaded(tmp_path / name)
        assert "delete" not in str(fault.value)


@pytest.mark.parametrize(("dtype", "said"), [("uint8", True), ("int64", True), ("float32", False)])
def test_whole_numbers_of_two_axes_are_said_to_be_no_pixels(tmp_path: Path, dtype: str, said: bool) -> None:
    rows = np.arange(40).reshape(5, 8).astype(dtype)
    np.save(tmp_path / "a.npy", rows)
    for found in (loaded(rows), loaded(tmp_path / "a.npy")):
        assert found.rows is not None
        assert found.notes == ((f"{dtype} [5, 8] is read as embeddings, not as pixels",) if said else ())
    save_file({"embeddings": rows}, tmp_path / "a.safetensors")
    assert loaded(tmp_path / "a.safetensors").notes == ()
