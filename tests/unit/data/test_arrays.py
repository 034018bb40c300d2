"""Arrays, and shards that are not whole."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.data.source_miniatures import block, picture, run
from weightscape.data import arrays, sources
from weightscape.data.settings import Folder, source_of
from weightscape.errors import UserError
from weightscape.formats.shards import map_shard, read_labels

pytestmark = pytest.mark.process


def test_arrays_are_read_from_numpy_files(tmp_path: Path) -> None:
    for name, first, count in (("train", 0, 40), ("test", 40, 10), ("ood-far", 50, 6)):
        np.save(tmp_path / f"{name}.images.npy", np.stack([picture(first + k) for k in range(count)]))
        np.save(tmp_path / f"{name}.labels.npy", np.arange(count) % 2)
    (tmp_path / "classes.txt").write_text("even\nodd\n")
    source = block("arrays", root=str(tmp_path))
    images, labels, record = run(tmp_path, source, "train")
    assert record["facts"]["classes"] == ["even", "odd"] and len(images) == 28
    assert np.array_equal(labels, images[:, 0, 0, 0] % 2)
    ood = {"source": "domain", "domain": "far", "images": "all"}
    assert run(tmp_path, source, "ood-far", ood=ood)[0][:, 0, 0, 0].tolist() == list(range(50, 56))
    np.save(tmp_path / "train.images.npy", np.zeros((40, 16, 16), np.float32))
    with pytest.raises(UserError, match="must be uint8"):
        run(tmp_path, source, "train")


@pytest.mark.parametrize("shape", [(9, 3, 20, 20), (9, 20, 20, 5), (9, 20, 20, 3, 1), (9, 3, 20, 4), (9, 1, 9, 1)])
def test_arrays_of_another_layout_are_said(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "train.images.npy", np.zeros(shape, np.uint8))
    np.save(tmp_path / "train.labels.npy", np.arange(9) % 2)
    with pytest.raises(UserError, match=r"with at most 4 channels, got uint8 \[9, .*: save it so"):
        arrays.part(tmp_path, "train")


def test_a_part_of_few_images_may_have_few_of_the_training_parts_classes(tmp_path: Path) -> None:
    for name, labels in (("train", np.arange(60) % 30), ("test", np.array([29, 3])), ("ood-far", np.array([29]))):
        np.save(tmp_path / f"{name}.images.npy", np.full((len(labels), 16, 16), 200, np.uint8))
        np.save(tmp_path / f"{name}.labels.npy", labels)
    source = block("arrays", root=str(tmp_path))
    splits = {"train": "all", "val": 1, "test": "all", "extra": 1}
    assert run(tmp_path, source, "test", splits=splits)[2]["facts"]["per_class"][29] == 1
    ood = {"source": "domain", "domain": "far", "images": "all"}
    assert run(tmp_path, source, "ood-far", ood=ood)[1].tolist() == [29]
    np.save(tmp_path / "test.labels.npy", np.array([30, 3]))
    with pytest.raises(UserError, match=r"go up to 30, but the training part in .* has 30 classes"):
        run(tmp_path, source, "test", splits=splits)


def test_classes_without_an_image_to_train_on_are_none(tmp_path: Path) -> None:
    for name, labels in (("train", [1, 3, 3, 1, 3, 1, 1, 3]), ("test", [3, 1]), ("ood-far", [3])):
        np.save(tmp_path / f"{name}.images.npy", np.full((len(labels), 16, 16), 200, np.uint8))
        np.save(tmp_path / f"{name}.labels.npy", np.array(labels))
    (tmp_path / "classes.txt").write_text("N/A\na\nb\nc\n")
    source = block("arrays", root=str(tmp_path))
    splits = {"train": "all", "val": 2, "test": "all", "extra": 2}
    labels, record = run(tmp_path, source, "test", splits=splits)[1:]
    assert record["facts"]["classes"] == ["a", "c"] and sorted(labels) == [0, 1]
    first = source | {"classes": 2}
    assert run(tmp_path, first, "train", splits=splits)[2]["facts"]["classes"] == ["a", "c"]
    ood = {"source": "domain", "domain": "far", "images": "all"}
    assert run(tmp_path, source, "ood-far", ood=ood)[1].tolist() == [1]
    np.save(tmp_path / "ood-far.labels.npy", np.array([2]))
    with pytest.raises(UserError, match=r"is of the class 'b', which the training set does not have"):
        run(tmp_path, source, "ood-far", ood=ood)
    with pytest.raises(UserError, match=r"class 'b' is not in the data set; it has a, c"):
        run(tmp_path, source | {"classes": ["a", "b"]}, "train", splits=splits)


@pytest.mark.parametrize("most", [0, 1, 16])
def test_pixels_of_another_range_than_their_type_has_are_refused(tmp_path: Path, most: int) -> None:
    rng = np.random.default_rng(most)
    np.save(tmp_path / "train.images.npy", rng.integers(0, most + 1, (20, 16, 16), np.uint8))
    np.save(tmp_path / "train.labels.npy", np.arange(20) % 2)
    with pytest.raises(UserError, match=rf"split 'train' is brighter than {most} of 255 .*save them from 0 to 255"):
        run(tmp_path, block("arrays", root=str(tmp_path)), "train")


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (b"\xef\xbb\xbfcat\r\ndog\r\n\r\n", ["cat", "dog"]),
        (b" cat\ndog \n", ["cat", "dog"]),
        (b"cat\n\ndog\n", "has the class '' twice, or an empty line"),
        (b"cat\ncat\n", "has the class 'cat' twice"),
    ],
)
def test_the_names_of_classes_are_each_a_line_of_text(tmp_path: Path, written: bytes, names: list[str] | str) -> None:
    np.save(tmp_path / "train.images.npy", np.zeros((4, 8, 8), np.uint8))
    np.save(tmp_path / "train.labels.npy", np.arange(4) % 2)
    (tmp_path / "classes.txt").write_bytes(written)
    if isinstance(names, list):
        assert arrays.part(tmp_path, "train").classes == names
    else:
        with pytest.raises(UserError, match=names):
            arrays.part(tmp_path, "train")


@pytest.mark.parametrize(
    "labels",
    [np.eye(4), np.arange(4.0), np.arange(4)[:, None], np.arange(4) - 1, np.array(list("abcd")), np.arange(4) > 1],
)
def test_labels_of_another_form_are_said_as_they_are(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(tmp_path / "train.images.npy", np.zeros((4, 8, 8), np.uint8))
    np.save(tmp_path / "train.labels.npy", labels)
    form = re.escape(f"got {labels.dtype} {list(labels.shape)}")
    with pytest.raises(UserError, match=f"{form}.*: save them so, or let `weightscape init"):
        arrays.part(tmp_path, "train")


@pytest.mark.parametrize("part", ["test", "val"])
def test_a_part_that_is_named_and_not_there_is_said(tmp_path: Path, part: str) -> None:
    np.save(tmp_path / "train.images.npy", np.zeros((4, 8, 8), np.uint8))
    np.save(tmp_path / "train.labels.npy", np.arange(4) % 2)
    source = source_of(block("arrays", root=str(tmp_path), parts={"train": "train", "test": None, part: "far"}))
    assert isinstance(source, Folder)
    with pytest.raises(UserError, match=r"far\.images\.npy does not exist"):
        arrays.pool(source, part)


def test_a_truncated_shard_is_said(folder: Path, tmp_path: Path) -> None:
    run(tmp_path, block("image_folder", root=str(folder)), "test")
    path = tmp_path / "1_data/d/test/shard-00000.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"it is truncated: tensor .* ends at byte"):
        read_labels(path)
    path.write_bytes(whole[:200])
    with pytest.raises(UserError, match="is not a whole"):
        map_shard(path)
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        read_labels(path)


@pytest.mark.parametrize(
    ("labels", "classes", "sentence"),
    [
        ([0, 1, 2, 10**9], None, "go up to 1000000000, more than its 4 images"),
        ([], None, "holds no images"),
        ([0, 1, 1, 0], b"\xe9t\xe9\nhiver\n", "is not a text of UTF-8"),
    ],
)
def test_labels_that_are_no_classes_are_said(
    tmp_path: Path, labels: list[int], classes: bytes | None, sentence: str
) -> None:
    np.save(tmp_path / "train.images.npy", np.zeros((len(labels), 8, 8), np.uint8))
    np.save(tmp_path / "train.labels.npy", np.array(labels, np.int64))
    if classes is not None:
        (tmp_path / "classes.txt").write_bytes(classes)
    with pytest.raises(UserError, match=sentence):
        arrays.part(tmp_path, "train")


def test_a_set_of_one_class_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "train.images.npy", np.full((20, 16, 16), 200, np.uint8))
    np.save(tmp_path / "train.labels.npy", np.full(20, 3))
    with pytest.raises(UserError, match=r"has images of one class to train on \('3'\), but a network must tell two"):
        run(tmp_path, block("arrays", root=str(tmp_path)), "train")


@given(
    shape=st.lists(st.integers(0, 7), min_size=1, max_size=5) | st.lists(st.integers(1, 7), min_size=4, max_size=4),
    kind=st.just("u1") | st.sampled_from(["u2", "i8", "f4", "?", "S1", "c8"]),
    labels=st.just("i8") | st.sampled_from(["u1", "u8", "f8", "?", "U1"]),
    among=st.integers(1, 4),
    shift=st.integers(-1, 2),
    rows=st.just(0) | st.integers(-1, 1),
)
def test_arrays_of_any_form_are_read_as_they_are_or_refused(
    shape: list[int], kind: str, labels: str, among: int, shift: int, rows: int
) -> None:
    images = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    numbers = (np.arange(max(shape[0] + rows, 0)) % among + shift).astype(labels)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        np.save(root / "train.images.npy", images)
        np.save(root / "train.labels.npy", numbers)
        try:
            found = arrays.part(root, "train")
        except UserError as fault:
            assert "\n" not in str(fault)
            return
        assert found.pixels is not None
        assert np.array_equal(found.pixels(np.arange(shape[0])), images) and images.dtype == np.uint8
        assert [found.classes[label] for label in found.labels] == [str(number) for number in numbers]
        assert len(shape) == 3 or shape[3] <= 4 < shape[1]


@pytest.mark.parametrize("names", [("two", "TWO"), ("a b", "a_b"), ("caf\u00e9", "Cafe\u0301")])
def test_classes_of_one_name_in_two_spellings_are_refused_unless_both_are_named(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    _save_two_classes(tmp_path, names)
    with pytest.raises(UserError, match=f"has the classes {names[0]!r} and {names[1]!r}: put both into one, or name"):
        sources.opened(source_of(block("arrays", root=str(tmp_path))))
    named = source_of(block("arrays", root=str(tmp_path), classes=list(names)))
    assert sources.opened(named)["train"].classes == list(names)


@pytest.mark.parametrize("names", [("a", "A"), ("1", "-1"), ("10", "-10")])
def test_letters_and_numbers_are_classes_of_their_own(tmp_path: Path, names: tuple[str, str]) -> None:
    _save_two_classes(tmp_path, names)
    assert sources.opened(source_of(block("arrays", root=str(tmp_path))))["train"].classes == list(names)


def _save_two_classes(folder: Path, names: tuple[str, str]) -> None:
    np.save(folder / "train.images.npy", np.stack([picture(number) for number in range(8)]))
    np.save(folder / "train.labels.npy", np.arange(8) % 2)
    (folder / "classes.txt").write_text("\n".join(names), encoding="utf-8")
