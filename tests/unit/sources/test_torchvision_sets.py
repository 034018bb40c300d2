"""Sets of torchvision: CIFAR-10 as it is on disk."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from source_miniatures import cifar_block, run

from weightscape.commands.settings import load
from weightscape.config import checked
from weightscape.datasets import torchvision_names, torchvision_sets
from weightscape.errors import UserError


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
    with pytest.raises(UserError, match="Flowers102 has no part 'trainval'"):
        torchvision_sets.part("Flowers102", tmp_path, "trainval")


def test_only_classification_sets_can_be_named_in_a_config() -> None:
    import torchvision

    root = Path(__file__).parents[3]
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
    root = Path(__file__).parents[3]
    paper = load(root / "config.yaml", root / "workflow" / "studies" / "paper.yaml")
    paper["data"][dataset][key] = ""
    with pytest.raises(UserError, match=rf"^config: data.{dataset}.{key} = '' should be non-empty"):
        checked(paper)


def test_parts_that_a_set_does_not_have_are_refused(cifar: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="CIFAR10 has no part 'training', but train and test"):
        torchvision_sets.part("CIFAR10", cifar, "training")
    with pytest.raises(UserError, match=r"EuroSAT has no parts, so none called 'test': set parts.test to null"):
        torchvision_sets.part("EuroSAT", tmp_path, "test")


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
