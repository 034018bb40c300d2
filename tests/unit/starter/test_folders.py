"""The parts and classes of image folders are found by their names, in the layouts that people have."""

from pathlib import Path

import pytest

from unit.made_images import folder
from weightscape.errors import UserError
from weightscape.starter import folders
from weightscape.starter.data_set import DataSet

CLASSES = {"a": 6, "b": 6}


def found(root: Path) -> DataSet:
    """The data set in a folder."""
    return folders.found(root, str(root), root.parent / "arrays")


@pytest.mark.parametrize(
    ("parts", "there"),
    [
        (("train", "test"), {"train": 12, "test": 12}),
        (("train", "val"), {"train": 12, "val": 12}),
        (("Training", "Testing", "Validation"), {"train": 12, "test": 12, "val": 12}),
        (("TRAIN", "valid"), {"train": 12, "val": 12}),
        ((".",), {"train": 12}),
        (("archive/train", "archive/test"), {"train": 12, "test": 12}),
        (("one/two/.",), {"train": 12}),
    ],
)
def test_parts_are_found_by_their_names(parts: tuple[str, ...], there: dict[str, int], tmp_path: Path) -> None:
    data = found(folder(tmp_path / "set", dict.fromkeys(parts, CLASSES)))
    assert data.counts == there and data.classes == 2


def test_classes_without_images_or_without_training_images_are_left_out_and_told(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": {**CLASSES, "empty": 0}, "test": {**CLASSES, "new": 2}})
    data = found(root)
    assert data.chosen == ("a", "b") and data.counts == {"train": 12, "test": 12}
    assert "empty" in data.notes[0] and "new" in data.notes[1]


@pytest.mark.parametrize("part", ["test", "val", "ood/sketch"])
def test_a_part_without_a_class_of_train_is_refused_with_the_classes_of_both(part: str, tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"train": CLASSES, part: {"c": 6, "d": 6}})
    with pytest.raises(UserError, match=f"{part} has the classes c, d, of which .*train has none .it has a, b.: name"):
        found(root)


def test_shifted_test_sets_are_taken_along_and_are_no_class_of_a_flat_folder(tmp_path: Path) -> None:
    data = found(folder(tmp_path / "set", {".": CLASSES, "ood/sketch": {"a": 3}, "ood/new": {"a": 1, "z": 1}}))
    assert data.domains == ("new", "sketch") and data.chosen == ("a", "b") and data.counts == {"train": 12}


def test_capitals_of_the_folder_of_shifted_sets_do_not_matter(tmp_path: Path) -> None:
    assert found(folder(tmp_path / "set", {"train": CLASSES, "OOD/sketch": {"a": 3}})).domains == ("sketch",)


def test_folders_of_the_same_folders_are_told_to_count_as_classes(tmp_path: Path) -> None:
    data = found(folder(tmp_path / "set", {"art": CLASSES, "photo": {**CLASSES, "c": 1}, "web": CLASSES}))
    assert data.counts == {"train": 37}
    assert data.notes[0].startswith("art, photo, web count as the classes, but each holds a, b: if those are the")
    assert not found(folder(tmp_path / "years", {"a": {"2019": 3}, "b": {"2019": 3, "2020": 3, "x": 2}})).notes


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"test": CLASSES}, "no train/"),
        ({"train": {"a": 5}}, "two classes or more"),
        ({".": {"a": 5, "b": 0}}, "two classes or more"),
        ({"train": CLASSES, "Training": CLASSES}, "has both"),
        ({"train/.": {}}, "holds no folders"),
        (
            {"seg_train": CLASSES, "seg_test": CLASSES},
            "has seg_test/ and seg_train/, which are parts, no classes: call",
        ),
        ({"TrainData/a": CLASSES, "valData/a": CLASSES}, "which are parts, no classes"),
        (
            {"a": {"train": 3, "test": 3}, "b": {"train": 3}},
            "a holds test/ and train/, whose images would count as one",
        ),
        ({"train": CLASSES, "ood": CLASSES}, "ood/a holds images but no folders of classes: put them into .*/ood/NAME"),
        ({"train": {"a b": 5, "A_b": 5, "c": 5}}, "has the classes 'A_b' and 'a b': put both into one, or name"),
    ],
)
def test_what_is_no_set_of_classes_is_refused_in_a_sentence(
    parts: dict[str, dict[str, int]], message: str, tmp_path: Path
) -> None:
    root = folder(tmp_path / "set", parts)
    (root / "train" if "train/." in parts else root).mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match=message):
        found(root)


@pytest.mark.parametrize(
    "name", ["images.npy", "train.images.npy", "more.npz", "x.parquet", "train-images-idx3-ubyte.gz"]
)
@pytest.mark.parametrize("part", ["train", "."])
def test_images_beside_a_file_of_images_are_not_passed_over(part: str, name: str, tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {part: CLASSES})
    (root / name).write_bytes(b"")
    with pytest.raises(
        UserError, match=rf"holds images in (train|a)/ and {name} beside them, of which one alone can be"
    ):
        found(root)
