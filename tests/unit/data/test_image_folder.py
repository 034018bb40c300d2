"""An image folder: splits, classes, unreadable files."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unit.data.source_miniatures import SPLITS, block, run
from weightscape.data import image_folder, pools, sources
from weightscape.data.settings import Domain, OtherFolder, source_of
from weightscape.errors import UserError
from weightscape.formats.shards import map_shard
from weightscape.study.checks import own_files


@pytest.mark.process
def test_the_splits_of_a_folder_are_disjoint_stratified_and_whole(folder: Path, tmp_path: Path) -> None:
    source = block("image_folder", root=str(folder))
    seen = {split: run(tmp_path, source, split) for split in SPLITS}
    codes = {split: images[:, 0, 0, 0] for split, (images, _, _) in seen.items()}
    assert sorted(np.concatenate([codes[split] for split in ("train", "val", "extra")])) == list(range(60))
    assert sorted(codes["test"]) == list(range(60, 75))
    for split, (images, labels, record) in seen.items():
        assert images.shape[1:] == (3, 16, 16) and images.dtype == np.uint8
        first = 60 if split == "test" else 0
        assert np.array_equal(labels, (codes[split].astype(int) - first) // (5 if split == "test" else 20))
        assert record["facts"]["per_class"] == np.bincount(labels, minlength=3).tolist()
        assert record["facts"]["classes"] == ["a", "b", "c"]
    assert seen["val"][2]["facts"]["per_class"] == [2, 2, 2]


@pytest.mark.process
def test_a_folder_without_a_test_part_is_split_by_the_seed(folder: Path, tmp_path: Path) -> None:
    for path in sorted((folder / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (folder / "test").rmdir()
    source, splits = block("image_folder", root=str(folder)), SPLITS | {"test": 12}
    codes = [run(tmp_path, source, split, splits=splits)[0][:, 0, 0, 0] for split in splits]
    assert sorted(np.concatenate(codes)) == list(range(60))
    again = run(tmp_path / "again", source, "test", splits=splits)[0][:, 0, 0, 0]
    other = run(tmp_path / "other", source, "test", splits=splits, seed=8)[0][:, 0, 0, 0]
    assert np.array_equal(codes[2], again) and not np.array_equal(np.sort(codes[2]), np.sort(other))


@pytest.mark.process
def test_a_shifted_folder_has_the_training_sets_labels(folder: Path, tmp_path: Path) -> None:
    ood = {"source": "domain", "domain": "sketch", "images": "all"}
    images, labels, _ = run(tmp_path, block("image_folder", root=str(folder)), "ood-sketch", ood=ood)
    assert images[:, 0, 0, 0].tolist() == list(range(75, 83)) and labels.tolist() == [0] * 4 + [2] * 4
    elsewhere = {"source": "image_folder", "root": str(folder / "ood" / "sketch"), "images": 4}
    _, labels, _ = run(tmp_path, block("image_folder", root=str(folder)), "ood-other", ood=elsewhere)
    assert labels.tolist() == [0, 0, 2, 2]


@pytest.mark.process
def test_shards_and_processes_change_no_image(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weightscape.data import writing

    source = block("image_folder", root=str(folder))
    whole = run(tmp_path / "one", source, "train")
    monkeypatch.setattr(writing, "WORTH", 1)
    monkeypatch.setattr(writing, "BATCH_BYTES", 5 * 16 * 16 * 3)
    cut = run(tmp_path / "many", source, "train", shards=4, workers=2)
    assert len(cut[2]["outputs"]) == 4
    assert np.array_equal(whole[0], cut[0]) and np.array_equal(whole[1], cut[1])


@pytest.mark.process
def test_what_several_processes_leave_out_leaves_no_gap(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightscape.data import writing

    files = sorted((folder / "train").rglob("*.*"))
    for number in (0, 3, 4, 12, len(files) - 1):
        files[number].write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=0.2)
    whole = run(tmp_path / "one", source, "train", shards=2)
    monkeypatch.setattr(writing, "WORTH", 1)
    monkeypatch.setattr(writing, "BATCH_BYTES", 5 * 16 * 16 * 3)
    cut = run(tmp_path / "many", source, "train", shards=2, workers=2)
    assert 0 < len(whole[0]) < len(files)
    assert np.array_equal(whole[0], cut[0]) and np.array_equal(whole[1], cut[1])
    assert whole[2]["outputs"] == cut[2]["outputs"] and whole[2]["facts"] == cut[2]["facts"]


@pytest.mark.process
def test_unreadable_images_are_named_counted_and_left_out_below_the_limit(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "b" / "003.webp").write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=0.1)
    splits = {"train": "all", "val": 1, "test": "all", "extra": 1}
    images, labels, record = run(tmp_path, source, "train", shards=3, splits=splits)
    assert len(images) == len(labels) == record["facts"]["images"] == 57
    assert record["facts"]["unreadable"]["skipped"] == 1
    assert list(record["facts"]["unreadable"]["names"]) == ["train/b/003.webp"]
    assert 23 not in images[:, 0, 0, 0]
    assert np.array_equal(labels, images[:, 0, 0, 0] // 20)
    assert sum(record["facts"]["per_class"]) == 57
    mapped = [map_shard(tmp_path / "1_data/d/train" / name) for name in sorted(record["outputs"])]
    assert np.array_equal(np.concatenate([part.images for part in mapped]), images)


def test_an_empty_class_of_the_training_part_is_named(folder: Path) -> None:
    (folder / "train" / "d").mkdir()
    for path in (folder / "test" / "b").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"train/d holds no images \(1 of 4 classes\): fill it, or remove it"):
        image_folder.part(folder, "train")
    assert len(image_folder.part(folder, "test", ["a", "b", "c"]).labels) == 10
    assert len(image_folder.part(folder / "test", "").labels) == 10


def test_too_many_unreadable_images_are_an_error_that_names_the_first(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "b" / "003.webp").write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=0.01)
    with pytest.raises(UserError, match=r"1 of the 75 images of the set .*`unreadable` is 0.01; .*train/b/003.webp"):
        run(tmp_path, source, "train")
    assert not (tmp_path / "1_data/d/train/shard-00000.safetensors").exists()


@pytest.mark.process
def test_one_broken_file_in_a_small_split_counts_as_one_of_the_whole_set(folder: Path, tmp_path: Path) -> None:
    """Which split holds it is decided by the seed, so that it must not decide whether the study goes on."""
    for path in sorted((folder / "train" / "a").iterdir())[:2]:
        path.write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=2 / 75)
    found = [run(tmp_path, source, split)[2]["facts"]["unreadable"] for split in ("train", "val", "extra", "test")]
    assert sum(one["skipped"] for one in found) == 2 and {one["of"] for one in found} == {75}
    ood = {"source": "domain", "domain": "sketch", "images": 2}
    assert run(tmp_path, source, "ood-sketch", ood=ood)[2]["facts"]["unreadable"]["of"] == 8


@pytest.mark.process
def test_a_class_of_which_nothing_can_be_read_stops_the_training_split(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "train" / "b").iterdir():
        path.write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=0.5)
    with pytest.raises(UserError, match=r"no image to train on of class 'b' can be read \(1 of 3 classes\): mend"):
        run(tmp_path, source, "train")
    assert run(tmp_path, source, "val")[2]["facts"]["per_class"][1] == 0


@pytest.mark.process
def test_names_with_accents_are_the_same_however_they_were_packed(folder: Path, tmp_path: Path) -> None:
    """File systems of macOS, and archives from there, hold accents as characters of their own."""
    (folder / "train" / "c").rename(folder / "train" / "K\u00e4se")
    (folder / "test" / "c").rename(folder / "test" / "Ka\u0308se")
    source = block("image_folder", root=str(folder))
    labels, record = run(tmp_path, source, "test")[1:]
    assert record["facts"]["classes"] == ["K\u00e4se", "a", "b"] and np.bincount(labels).tolist() == [5, 5, 5]
    ood = {"source": "image_folder", "root": str(folder / "test"), "images": "all"}
    assert run(tmp_path, source, "ood-far", ood=ood)[2]["facts"]["per_class"] == [5, 5, 5]


def test_one_class_in_two_folders_is_said(folder: Path) -> None:
    for name in ("K\u00e4se", "Ka\u0308se"):
        (folder / "train" / name).mkdir()
    with pytest.raises(UserError, match=r"holds the class 'K\u00e4se' twice, .*: move the images into one folder"):
        image_folder.part(folder, "train")


@pytest.mark.process
def test_classes_can_be_chosen_and_capped(folder: Path, tmp_path: Path) -> None:
    splits = {"train": "all", "val": 2, "test": "all", "extra": 2}
    named = block("image_folder", root=str(folder), classes=["c", "a"], per_class=7)
    images, labels, record = run(tmp_path, named, "train", splits=splits)
    assert record["facts"]["classes"] == ["c", "a"] and record["facts"]["per_class"] == [5, 5]
    assert np.array_equal(labels == 0, images[:, 0, 0, 0] >= 40)
    first = block("image_folder", root=str(folder), classes=2)
    assert run(tmp_path, first, "test", splits=splits)[2]["facts"]["classes"] == ["a", "b"]
    ood = {"source": "domain", "domain": "sketch", "images": "all"}
    assert run(tmp_path, named, "ood-sketch", ood=ood)[1].tolist() == [1] * 4 + [0] * 4
    with pytest.raises(UserError, match="class 'z' is not in the data set; it has a, b, c"):
        run(tmp_path, named | {"classes": ["a", "z"]}, "train")
    with pytest.raises(UserError, match="classes = 9, but the data set has 3"):
        run(tmp_path, named | {"classes": 9}, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: None, r"nowhere/train does not exist: make it, or correct `root`"),
        (lambda root: (root / "train").mkdir(parents=True), "holds no folders of classes"),
        (lambda root: (root / "train" / "a").mkdir(parents=True), "holds no images; known endings are"),
    ],
)
def test_a_folder_that_is_none_is_said(tmp_path: Path, change: Any, message: str) -> None:
    change(tmp_path / "nowhere")
    with pytest.raises(UserError, match=message):
        image_folder.part(tmp_path / "nowhere", "train")


def test_a_class_that_was_not_trained_on_is_said(folder: Path) -> None:
    (folder / "test" / "d").mkdir()
    with pytest.raises(UserError, match="has the class 'd', which the training set does not have"):
        sources.pool_of(source_of(block("image_folder", root=str(folder))), "test", SPLITS, 0)


def test_more_images_than_there_are_is_said() -> None:
    with pytest.raises(UserError, match=r"ask for 70 images and more .* has 60: lower the counts"):
        pools.counted({"train": "all", "val": 70}, 60)
    assert pools.counted({"train": "all", "val": 7, "test": "all"}, 18) == {"train": 6, "val": 7, "test": 5}


@pytest.mark.parametrize("name", ["A", " a", "a_", "-A"])
@pytest.mark.parametrize("classes", ["all", ["a", "c"]])
def test_a_class_that_a_part_spells_otherwise_is_said(folder: Path, name: str, classes: str | list[str]) -> None:
    (folder / "ood" / "sketch" / "a").rename(folder / "ood" / "sketch" / name)
    source = source_of(block("image_folder", root=str(folder), classes=classes))
    elsewhere = OtherFolder("image_folder", str(folder / "ood" / "sketch"), "all")
    for shift in (Domain("domain", "sketch", "all"), elsewhere):
        with pytest.raises(UserError, match=f"has the class {name!r}, but the training set 'a': write both in one way"):
            sources.shifted(source, shift, 0)


def test_pictures_and_masks_are_no_classes(folder: Path) -> None:
    for name in ("images", "masks"):
        (folder / "pairs" / name).mkdir(parents=True)
    with pytest.raises(UserError, match="holds images and masks, which are no classes"):
        image_folder.part(folder, "pairs")


def test_splits_that_leave_a_class_without_a_training_image_are_said(folder: Path) -> None:
    source = block("image_folder", root=str(folder), per_class=3)
    splits = {"train": 2, "val": 3, "test": "all", "extra": 4}
    with pytest.raises(UserError, match=r"leave no image to train on of 1 of 3 classes \([abc]\): lower val"):
        sources.pool_of(source_of(source), "val", splits, 0)
    assert len(sources.pool_of(source_of(source), "test", splits, 0).labels) == 9
    assert len(sources.pool_of(source_of(source), "train", splits | {"train": 3, "val": 2}, 0).labels) == 3


OOD = {
    "soft": {"source": "corruption", "kind": "blur", "severity": 1, "images": "all"},
    "far": {"source": "domain", "domain": "sketch", "images": 3},
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": ["a", "lion"]}, "class 'lion' is not in the data set; it has a, b, c: correct `classes`"),
        ({"classes": 4}, "classes = 4, but the data set has 3: lower it or write all"),
        ({"ood": {"far": OOD["far"] | {"domain": "ink"}}}, "ood/ink does not exist"),
        ({"ood": {"far": OOD["far"] | {"images": 9}}}, "ood.far: 9 images are asked for, but there are 8: lower"),
        (
            {"ood": {"soft": OOD["soft"] | {"images": 16}}},
            "ood.soft: 16 images are asked for, but the test split has 15: lower `images`, or write all",
        ),
        ({"splits": SPLITS | {"val": 70}}, "has 60: lower the counts"),
        ({"splits": SPLITS | {"test": 16}}, "has 15: lower the counts"),
        ({"per_class": 4}, "has 12: lower the counts"),
    ],
)
def test_what_a_folder_lacks_is_said_before_the_first_job(folder: Path, change: Any, sentence: str) -> None:
    source = block("image_folder", root=str(folder), splits=SPLITS, ood=OOD)
    assert own_files.counted({"data": {"mine": source}}, "mine") == (
        {"train": 48, "val": 6, "test": 15, "extra": 6, "ood-far": 3, "ood-soft": 15},
        ["a", "b", "c"],
        [16, 16, 16],
    )
    with pytest.raises(UserError, match="^config: data.mine: .*" + re.escape(sentence)):
        own_files.counted({"data": {"mine": source | change}}, "mine")


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "Val", "VALID"])
def test_a_validation_folder_is_the_split_val(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(folder / "test", folder / name)
    images, _, record = run(tmp_path, block("image_folder", root=str(folder)), "val", splits=SPLITS | {"val": "all"})
    assert sorted(images[:, 0, 0, 0]) == list(range(60, 75)) and record["facts"]["images"] == 15
    shutil.copytree(folder / "test", folder / ("val" if name.lower() != "val" else "valid"))
    with pytest.raises(UserError, match=f"has both (val|{name})/"):
        run(tmp_path / "again", block("image_folder", root=str(folder)), "val")


def test_capitals_of_parts_do_not_matter_and_a_part_that_is_named_must_be_there(folder: Path) -> None:
    for part in ("train", "test", "ood"):
        (folder / part).rename(folder / part.title())
    source = source_of(block("image_folder", root=str(folder)))
    shift = Domain("domain", "sketch", "all")
    found = sources.counted(source, {"train": "all", "test": "all"}, {"far": shift})
    assert found.splits == {"train": 60, "test": 15, "ood-far": 8}
    assert sources.opened(source)["train"].left_out == {}
    for part in ("test", "val"):
        parts = {"train": "train", "test": None, part: "tset"}
        with pytest.raises(UserError, match=f"has no tset/, which `parts.{part}` names"):
            sources.opened(source_of(block("image_folder", root=str(folder), parts=parts)))


@pytest.mark.parametrize("name", [b"\xff\xfe", b"a\nb"])
def test_a_class_whose_name_cannot_be_written_is_said(folder: Path, name: bytes) -> None:
    shutil.copytree(folder / "train" / "a", folder / "train" / os.fsdecode(name))
    with pytest.raises(UserError, match="whose name is no text of UTF-8 or has a line break"):
        image_folder.part(folder, "train")


@pytest.mark.parametrize("seed", range(8))
def test_the_only_image_of_a_class_is_trained_on(tmp_path: Path, seed: int) -> None:
    for name, count in (("a", 12), ("b", 1), ("c", 1)):
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.full((16, 16), 10 * number + ord(name), np.uint8)).save(
                tmp_path / "images" / "train" / name / f"{number}.png"
            )
    source = block("image_folder", root=str(tmp_path / "images"))
    splits = {"train": 4, "val": 4, "test": 4, "extra": 2}
    seen = [run(tmp_path, source, split, splits=splits, seed=seed) for split in splits]
    assert seen[0][2]["facts"]["per_class"] == [2, 1, 1]
    assert sorted(np.concatenate([images[:, 0, 0, 0] for images, _, _ in seen])) == sorted(
        [10 * number + ord("a") for number in range(12)] + [ord("b"), ord("c")]
    )
