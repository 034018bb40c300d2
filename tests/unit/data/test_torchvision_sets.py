"""Sets of torchvision: CIFAR-10 as it is on disk."""

import pickle
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.data.source_miniatures import block, cifar_block, run
from weightscape.data import sources, torchvision_names, torchvision_sets
from weightscape.data.settings import source_of
from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.study.config import checked, load


@pytest.mark.process
def test_cifar_10_is_read_from_its_own_files(cifar: Path, tmp_path: Path) -> None:
    splits = {"train": "all", "val": 10, "test": "all", "extra": 10}
    seen = {split: run(tmp_path, cifar_block(cifar), split, splits=splits) for split in splits}
    assert [len(labels) for _, labels, _ in seen.values()] == [30, 10, 20, 10]
    assert seen["test"][2]["facts"]["classes"][9] == "truck"
    stored = pickle.loads((cifar / "cifar-10-batches-py" / "test_batch").read_bytes())
    planes = {image.tobytes(): label for image, label in zip(stored["data"], stored["labels"], strict=True)}
    for image, label in zip(*seen["test"][:2], strict=True):
        assert planes[image.tobytes()] == label


def test_files_that_are_not_there_are_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"CIFAR10 cannot be opened in .*not found.*set `root`.*rule `fetch`"):
        torchvision_sets.part("CIFAR10", tmp_path, "train")
    with pytest.raises(UserError, match="torchvision has no data set 'CIFAR11'"):
        torchvision_sets.part("CIFAR11", tmp_path, "train")
    with pytest.raises(UserError, match="no data set 'VisionDataset2'"):
        torchvision_sets.part("VisionDataset2", tmp_path, "train")
    with pytest.raises(UserError, match=r"Flowers102 refuses its part 'trainval' or its options .*Unknown value"):
        torchvision_sets.part("Flowers102", tmp_path, "trainval")


def test_only_classification_sets_can_be_named_in_a_config() -> None:
    import torchvision

    root = ROOT
    paper = load(root / "config.yaml", root / "workflow" / "studies" / "paper.yaml")
    for name, hint in (
        ("CIFAR11", r"did you mean CIFAR10 or CIFAR100\?$"),
        ("cifar10", r"did you mean CIFAR10 "),
        ("CocoDetection", r"choose from CIFAR10, .*, USPS$"),
    ):
        paper["data"]["cifar10"]["name"] = name
        with pytest.raises(UserError, match=rf"^config: data.cifar10.name = '{name}' is no classification set.*{hint}"):
            checked(paper)
    for name in torchvision_names.NAMES:
        assert issubclass(getattr(torchvision.datasets, name), torchvision.datasets.VisionDataset)
        torchvision_names.check("name", name)


@pytest.mark.parametrize(("dataset", "key"), [("cifar10", "root"), ("domainnet", "path")])
def test_an_empty_folder_name_is_no_folder(dataset: str, key: str) -> None:
    root = ROOT
    paper = load(root / "config.yaml", root / "workflow" / "studies" / "paper.yaml")
    paper["data"][dataset][key] = ""
    with pytest.raises(UserError, match=rf"^config: data.{dataset}.{key} = '' should be non-empty"):
        checked(paper)


def test_parts_that_a_set_does_not_have_are_refused(cifar: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="CIFAR10 has no part 'training', but train and test"):
        torchvision_sets.part("CIFAR10", cifar, "training")
    with pytest.raises(UserError, match=r"EuroSAT has no parts, so none called 'test': set parts.test to null"):
        torchvision_sets.part("EuroSAT", tmp_path, "test")


@pytest.fixture
def emnist(tmp_path: Path) -> Path:
    """EMNIST's letters in their own files: 26 training and 4 test images of the class of their number."""
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 26), ("test", 4)):
        labels = (np.arange(count) % 26 + 1).astype(np.uint8)
        pixels = np.repeat(labels, 28 * 28)
        for kind, header, content in (("images", [2051, count, 28, 28], pixels), ("labels", [2049, count], labels)):
            path = raw / f"emnist-letters-{part}-{kind}-idx{len(header) - 1}-ubyte"
            path.write_bytes(np.array(header, ">i4").tobytes() + content.tobytes())
    return tmp_path


def test_the_parts_of_a_set_that_has_options_are_told_apart(emnist: Path) -> None:
    train, test = (torchvision_sets.part("EMNIST", emnist, part, {"split": "letters"}) for part in ("train", "test"))
    assert len(train.labels) == 26 and test.labels.tolist() == [1, 2, 3, 4]
    assert [train.classes[label] for label in train.labels[:3]] == ["a", "b", "c"]
    assert test.pixels is not None and test.pixels(np.array([2])).max() == 3
    for options, sentence in (
        ({"split": "words"}, r"EMNIST refuses its part 'train' or its options .*Valid values are"),
        ({}, r"EMNIST refuses its part 'train' or its options .*missing .*'split'"),
        ({"splits": "letters"}, r"EMNIST has no option 'splits'; it has split: correct `options`"),
    ):
        with pytest.raises(UserError, match=sentence):
            torchvision_sets.part("EMNIST", emnist, "train", options)
    with pytest.raises(UserError, match="DTD takes its part by split: write it into `parts`, not into `options`"):
        torchvision_sets.part("DTD", emnist, "train", {"split": "val"})


def test_the_empty_class_of_a_set_is_none(emnist: Path) -> None:
    source = block("torchvision", name="EMNIST", root=str(emnist), parts={"train": "train", "test": "test"})
    source |= {"options": {"split": "letters"}, "classes": 3}
    parts = sources._chosen(source_of(source), 0)
    assert parts["train"].classes == ["a", "b", "c"] and parts["train"].labels.tolist() == [0, 1, 2]
    assert parts["test"].labels.tolist() == [0, 1, 2]


class Told(list[tuple[None, Any]]):
    """Pairs of an image and what a set tells of it."""


@pytest.mark.parametrize("told", [[0, 0, 1], [(0, 1), (1, 0), (2, 1)], ["cat", "dog", "cat"]])
def test_options_that_choose_another_target_are_refused(told: list[Any]) -> None:
    labels = np.array([0, 1, 2])
    torchvision_sets._check_options(Told((None, label) for label in labels), labels, "OxfordIIITPet")
    with pytest.raises(UserError, match=r"OxfordIIITPet tells .* of an image of class . with these options: remove"):
        torchvision_sets._check_options(Told((None, one) for one in told), labels, "OxfordIIITPet")


def test_a_set_that_keeps_more_than_the_class_gives_the_class() -> None:
    """QMNIST: digit, series of the writer, writer, and so on."""
    source = Listed(targets=np.array([[7, 4, 3], [2, 4, 9]]))
    assert torchvision_sets._labels(source).tolist() == [7, 2]


def test_classes_with_several_names_are_called_by_the_first(tmp_path: Path) -> None:
    root = tmp_path / "imagenette2"
    for part, name in product(("train", "val"), ("n01440764", "n02102040")):
        (root / part / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(root / part / name / "1.JPEG")
    pool = torchvision_sets.part("Imagenette", tmp_path, "val")
    assert pool.classes == ["tench", "English springer"] and pool.labels.tolist() == [0, 1]
    twice = Listed(classes=[("crane", "bird"), ("crane",), ("tench", "Tinca tinca"), "cat"])
    assert torchvision_sets._classes(twice) == ["crane, bird", "crane", "tench", "cat"]


def test_categories_are_names_of_classes_and_a_lacking_file_is_no_wrong_part(tmp_path: Path) -> None:
    root = tmp_path / "caltech101"
    for name in ("101_ObjectCategories/ant", "101_ObjectCategories/BACKGROUND_Google", "Annotations"):
        (root / name).mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (8, 8)).save(root / "101_ObjectCategories" / "ant" / f"image_000{number}.jpg")
    assert torchvision_sets.part("Caltech101", tmp_path, "train").classes == ["ant"]
    (root / "101_ObjectCategories" / "BACKGROUND_Google").rmdir()
    with pytest.raises(UserError, match=r"Caltech101 cannot be opened in .*put its files there"):
        torchvision_sets.part("Caltech101", tmp_path, "train")


@pytest.mark.parametrize(
    ("options", "fault"), [({"split": "letters"}, None), ({"root": "/"}, "'root'"), ({"x": [1]}, "options.x")]
)
def test_options_are_plain_values_of_the_class(options: dict[str, Any], fault: str | None) -> None:
    root = ROOT
    paper = load(root / "config.yaml", root / "workflow" / "studies" / "paper.yaml")
    paper["data"]["cifar10"]["options"] = options
    if fault is None:
        checked(paper)
        return
    with pytest.raises(UserError, match=fault):
        checked(paper)


class Listed:
    """The shape of torchvision's sets that read files one by one."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def test_labels_and_files_are_found_under_the_names_that_torchvision_uses() -> None:
    files = [Path("a.jpg"), Path("b.jpg")]
    for source in (
        Listed(_labels=[1, 0], _image_files=files),
        Listed(_labels=[1, 0], _images=files),
        Listed(_samples=[(files[0], 1), (files[1], 0)]),
        Listed(targets=[1, 0], samples=[("a.jpg", 1), ("b.jpg", 0)]),
    ):
        assert torchvision_sets._labels(source).tolist() == [1, 0]
        assert torchvision_sets._files(source) == ["a.jpg", "b.jpg"]
