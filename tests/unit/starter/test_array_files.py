"""Arrays as people save them become the files of the source `arrays`, whatever their names, axes, types and labels."""

import contextlib
import gzip
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from weightscape.errors import UserError
from weightscape.starter import array_files

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 12, 14, 3), np.uint8)
GREY = RNG.integers(0, 256, (30, 12, 12), np.uint8)
LABELS = np.repeat(np.arange(3), 10)


def read(saved: tuple[Path, list[str]], part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """The images and the names of the classes of one part."""
    out, _ = saved
    names = (out / "classes.txt").read_text().splitlines()
    labels = np.load(out / f"{part}.labels.npy")
    return np.load(out / f"{part}.images.npy"), np.array(names)[labels]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        lambda x: x.transpose(0, 3, 1, 2),
        lambda x: (x / 255).astype(np.float32),
        lambda x: (x / 255 - 1e-6) * (1 + 1e-5),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.uint16) * 257,
    ],
)
def test_axes_and_types_of_colour_images_make_no_difference(change: Callable, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=change(IMAGES), labels=LABELS)
    images, _ = read(array_files.saved(tmp_path / "set.npz", tmp_path / "out"))
    assert images.dtype == np.uint8 and np.array_equal(images, IMAGES)


def test_rows_of_numbers_are_square_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", X=GREY.reshape(30, -1), y=LABELS)
    assert np.array_equal(read(array_files.saved(tmp_path / "grey.npz", tmp_path / "a"))[0], GREY)
    square = RNG.integers(0, 256, (30, 10, 10, 3), np.uint8)
    np.savez(tmp_path / "rgb.npz", data=square.transpose(0, 3, 1, 2).reshape(30, -1), labels=LABELS)
    assert np.array_equal(read(array_files.saved(tmp_path / "rgb.npz", tmp_path / "b"))[0], square)


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2)])
@pytest.mark.parametrize("side", [8, 9, 32])
def test_rows_of_a_pictures_numbers_are_read_in_their_own_order(
    axes: tuple[int, ...], side: int, tmp_path: Path
) -> None:
    waves = np.linspace(0, 5, side)
    shapes = np.stack([np.outer(np.sin(waves + k), np.cos(waves * (1 + k / 9))) for k in range(12)])
    pictures = (127 + 60 * shapes[..., None] * [1, 0.9, 0.8] + [20, 0, -40]).astype(np.uint8)
    np.savez(tmp_path / "rows.npz", X=pictures.transpose(axes).reshape(12, -1), y=np.arange(12) % 3)
    found = read(array_files.saved(tmp_path / "rows.npz", tmp_path / "out"))[0]
    assert np.array_equal(found, pictures)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABELS, ["0", "1", "2"]),
        (LABELS[:, None], ["0", "1", "2"]),
        (np.eye(3)[LABELS], ["0", "1", "2"]),
        (LABELS.astype(float), ["0", "1", "2"]),
        (LABELS * 5 + 8, ["8", "13", "18"]),
        (np.array(["cat", "ant", "bee"])[LABELS], ["cat", "ant", "bee"]),
        (np.array([b"cat", b"\xc3\xa4nt", b"bee"])[LABELS], ["cat", "änt", "bee"]),
        (np.array([" cat", "ant  ", "big bee"])[LABELS][:, None], ["cat", "ant", "big bee"]),
    ],
)
def test_labels_are_counts_with_names(labels: np.ndarray, names: list[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", arr_0=GREY, arr_1=labels)
    _, found = read(array_files.saved(tmp_path / "set.npz", tmp_path / "out"))
    assert found.tolist() == np.repeat(names, 10).tolist()


@pytest.mark.parametrize(
    "names", ["x_train y_train x_test y_test", "train_images train_labels test_images test_labels",
              "XTrain YTrain XTest YTest", "images.train targets.train images.testing targets.testing"],
)  # fmt: skip
def test_parts_are_told_by_the_names_of_arrays(names: str, tmp_path: Path) -> None:
    keys = names.split()
    np.savez(tmp_path / "set.npz", **dict(zip(keys, (GREY, LABELS, GREY[:6], LABELS[:6]), strict=True)))
    out = array_files.saved(tmp_path / "set.npz", tmp_path / "out")
    assert len(read(out)[0]) == 30 and len(read(out, "test")[0]) == 6


BOXES = np.ones((30, 4))


@pytest.mark.parametrize(
    ("arrays", "ignored"),
    [
        ({"images": GREY, "labels": LABELS, "ids": LABELS + 7}, "ids [30]"),
        ({"images": GREY, "labels": LABELS, "image_ids": LABELS, "mean": np.ones(3)}, "image_ids [30], mean [3]"),
        ({"images": GREY, "labels": LABELS, "class_names": np.array(["a", "b", "c"])}, "class_names [3]"),
        ({"arr_0": GREY, "arr_1": LABELS, "arr_2": np.array(3), "arr_3": BOXES}, "arr_2 [], arr_3 [30, 4]"),
        ({"images": GREY, "labels": LABELS, "masks": GREY, "features": BOXES}, "masks [30, 12, 12], features [30, 4]"),
        ({"images": GREY, "labels": LABELS, "test_ids": LABELS[:4]}, "test_ids [4]"),
    ],
)
def test_arrays_that_are_neither_images_nor_labels_are_ignored_and_told(
    arrays: dict[str, np.ndarray], ignored: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    out, notes = array_files.saved(tmp_path / "set.npz", tmp_path / "out")
    images, labels = list(arrays)[:2]
    assert notes == [f"used: {images}, {labels}; ignored: {ignored}"]
    assert np.array_equal(read((out, notes))[0], GREY) and len(list(out.iterdir())) == 3


def test_files_of_a_folder_name_the_parts_of_their_arrays(tmp_path: Path) -> None:
    for part, count in (("train", 30), ("test", 6)):
        np.savez(tmp_path / f"{part}.npz", images=GREY[:count], labels=LABELS[:count])
    saved = array_files.saved(tmp_path, tmp_path / "out")
    assert len(read(saved)[0]) == 30 and len(read(saved, "test")[0]) == 6 and not saved[1]


@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_mnists_form_are_read(compressed: bool, tmp_path: Path) -> None:
    for part, count in (("train", 30), ("t10k", 9)):
        for kind, array in (("images-idx3", GREY[:count]), ("labels-idx1", LABELS[:count].astype(np.uint8))):
            head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}i", *array.shape)
            data = head + array.tobytes()
            path = tmp_path / f"{part}-{kind}-ubyte{'.gz' if compressed else ''}"
            path.write_bytes(gzip.compress(data) if compressed else data)
    out = array_files.saved(tmp_path, tmp_path / "out")
    assert np.array_equal(read(out)[0], GREY) and read(out, "test")[1].tolist() == ["0"] * 9


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": GREY}, "has no labels of the part train"),
        ({"images": GREY, "labels": LABELS[:5]}, "30 images and 5 labels"),
        ({"x_test": GREY, "y_test": LABELS}, "has no part train"),
        (
            {"images": GREY, "x": GREY, "labels": LABELS},
            "may have its part train in images with labels; x with labels: name one pair train_images and",
        ),
        ({"images": GREY * -1.5, "labels": LABELS}, "scale them"),
        ({"images": GREY / 250, "labels": LABELS}, "float64 from 0 to 1.02: scale them"),
        ({"images": GREY, "labels": np.where(LABELS, LABELS, np.inf)}, "one number or name per image"),
        ({"images": GREY.reshape(30, -1)[:, :-1], "labels": LABELS}, "no square image"),
        ({"images": GREY, "labels": LABELS + 0.5}, "one number or name per image"),
        ({"images": GREY, "labels": np.array([["a", "b"]] * 30)}, "one number or name per image"),
        ({"images": GREY, "labels": np.array(["big\ncat", "ant"] * 15)}, r"label 'big\\ncat', which cannot name"),
        ({"images": GREY, "labels": np.array(["", "ant"] * 15)}, "label '', which cannot name"),
        ({"images": GREY, "labels": np.array([b"\xff", b"ant"] * 15)}, "no texts of UTF-8"),
        ({"images": GREY, "labels": np.array(3)}, r"no labels of the part train \(it holds .*, labels \[\]\)"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, r"no images of the part train \(it holds images \[0, 12, 12\]"),
        ({"images": GREY, "kind": LABELS, "id": LABELS}, "may have its part train in images with kind; images with id"),
        ({"X": GREY.reshape(30, -1), "scans": GREY, "y": LABELS}, "may have its part train in X with y; scans with y"),
        ({"images": GREY, "labels": LABELS, "x_test": GREY}, "has no labels of the part test"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(
    arrays: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(UserError, match=message):
        array_files.saved(tmp_path / "set.npz", tmp_path / "out")


def test_parts_of_another_file_do_not_stay_beside_those_of_this_one(tmp_path: Path) -> None:
    for name, parts in (("two", ("train", "test")), ("one", ("train",))):
        kinds = {f"{part}_{kind}": array for part in parts for kind, array in (("images", GREY), ("labels", LABELS))}
        np.savez(tmp_path / f"{name}.npz", **kinds)
        array_files.saved(tmp_path / f"{name}.npz", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("*.npy")} == {"train.images.npy", "train.labels.npy"}


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float64, bool])
def test_zeros_and_ones_are_black_and_white(kind: type, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=(GREY > 100).astype(kind), labels=LABELS)
    images, _ = read(array_files.saved(tmp_path / "set.npz", tmp_path / "out"))
    assert np.array_equal(images, np.where(GREY > 100, 255, 0))


@pytest.mark.parametrize("images", [np.full((4, 8, 8), "a"), GREY[:4] + 1j, GREY[:4].astype("m8[s]")])
def test_what_is_no_number_is_no_image(images: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(4))
    with pytest.raises(UserError, match="has no images of the part train"):
        array_files.saved(tmp_path / "set.npz", tmp_path / "out")


KINDS = arrays.scalar_dtypes() | arrays.unicode_string_dtypes(max_len=3) | arrays.byte_string_dtypes(max_len=3)
ARRAYS = arrays.arrays(KINDS, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
PART = st.sampled_from(["", "train_", "test_", "val_"])


@given(st.dictionaries(st.tuples(PART, st.sampled_from(["images", "labels", "x"])).map("".join), ARRAYS, max_size=4))
@settings(max_examples=300)
def test_any_arrays_are_saved_consistently_or_refused(given_arrays: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.savez(folder / "set.npz", allow_pickle=False, **given_arrays)
        with contextlib.suppress(UserError):
            out, _ = array_files.saved(folder / "set.npz", folder / "out")
            names = (out / "classes.txt").read_text().splitlines()
            for path in out.glob("*.images.npy"):
                images, labels = np.load(path), np.load(str(path).replace("images", "labels"))
                assert images.dtype == np.uint8 and images.ndim in (3, 4) and len(images) == len(labels)
                assert labels.min() >= 0 and labels.max() < len(names) == len(set(names))


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npy", "c-idx3-ubyte"):
        (tmp_path / name).write_bytes(b"xy")
        with pytest.raises(UserError, match="no whole numpy or IDX file"):
            array_files.saved(tmp_path / name, tmp_path / "out")


@pytest.mark.parametrize(("name", "at"), [("train-images-idx3-ubyte.gz", 12), ("images.npz", 9999)])
def test_a_file_that_was_damaged_inside_is_said(name: str, at: int, tmp_path: Path) -> None:
    path, values = tmp_path / name, np.arange(9999, dtype=np.uint16).view(np.uint8)
    if name.endswith(".npz"):
        np.savez_compressed(path, images=values)
    else:
        path.write_bytes(gzip.compress(values.tobytes()))
    content = bytearray(path.read_bytes())
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)
    with pytest.raises(UserError, match="no whole numpy or IDX file"):
        array_files.saved(path, tmp_path / "out")
