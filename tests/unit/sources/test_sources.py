"""Every source in miniature and in its true form on disk: CIFAR-10, an image folder, `datasets`, arrays."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from weightscape.datasets import image_folder, pools, sources, torchvision_sets
from weightscape.errors import UserError
from weightscape.images import map_shard, read_labels, read_shard
from weightscape.stages import data

IMAGE = {"size": 16, "channels": 3, "pixel_limit": 1_000_000}
SPLITS = {"train": "all", "val": 6, "test": "all", "extra": 6}


def block(source: str, **values: Any) -> dict[str, Any]:
    return {"source": source, "image": IMAGE, "classes": "all", "per_class": "all", "unreadable": 0.0} | values


def picture(code: int, size: int = 16) -> np.ndarray:
    """An image that tells which it is: all of one grey level."""
    return np.full((size, size, 3), code, np.uint8)


def run(folder: Path, source: dict[str, Any], split: str, shards: int = 1, workers: int = 1, **more: Any) -> Any:
    """The stage `data` on one split: its images and its manifest."""
    settings = {"dataset": "d", "split": split, "shards": shards, "block": source, "splits": SPLITS, "seed": 7} | more
    out = folder / "1_data" / "d" / split
    data.main(["--settings", json.dumps(settings), "--out", str(out), "--workers", str(workers)])
    record = json.loads((out / "manifest.json").read_text())
    parts = [read_shard(out / name) for name in sorted(record["outputs"])]
    for name, digest in record["outputs"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]), record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image folder whose images tell their number: 3 classes of 20 in train, 5 in test, 4 of two in ood/sketch."""
    code = 0
    for part, classes, count in (("train", "abc", 20), ("test", "abc", 5), ("ood/sketch", "ac", 4)):
        for name in classes:
            place = tmp_path / "images" / part / name
            place.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(picture(code)).save(
                    place / f"{number:03d}.{('png', 'webp')[number % 2]}", lossless=True
                )
                code += 1
    return tmp_path / "images"


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


def test_a_shifted_folder_has_the_training_sets_labels(folder: Path, tmp_path: Path) -> None:
    ood = {"source": "domain", "domain": "sketch", "images": "all"}
    images, labels, _ = run(tmp_path, block("image_folder", root=str(folder)), "ood-sketch", ood=ood)
    assert images[:, 0, 0, 0].tolist() == list(range(75, 83)) and labels.tolist() == [0] * 4 + [2] * 4
    elsewhere = {"source": "image_folder", "root": str(folder / "ood" / "sketch"), "images": 4}
    _, labels, _ = run(tmp_path, block("image_folder", root=str(folder)), "ood-other", ood=elsewhere)
    assert labels.tolist() == [0, 0, 2, 2]


def test_shards_and_processes_change_no_image(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weightscape.datasets import assembling

    source = block("image_folder", root=str(folder))
    whole = run(tmp_path / "one", source, "train")
    monkeypatch.setattr(assembling, "WORTH", 1)
    monkeypatch.setattr(assembling, "BATCH_BYTES", 5 * 16 * 16 * 3)
    cut = run(tmp_path / "many", source, "train", shards=4, workers=2)
    assert len(cut[2]["outputs"]) == 4
    assert np.array_equal(whole[0], cut[0]) and np.array_equal(whole[1], cut[1])


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


def test_too_many_unreadable_images_are_an_error_that_names_the_first(folder: Path, tmp_path: Path) -> None:
    (folder / "train" / "b" / "003.webp").write_bytes(b"broken")
    source = block("image_folder", root=str(folder), unreadable=0.01)
    with pytest.raises(UserError, match=r"1 of 48 images cannot be read.*a share of 0.01.*train/b/003.webp"):
        run(tmp_path, source, "train")
    assert not (tmp_path / "1_data/d/train/shard-00000.safetensors").exists()


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
        sources.pool_of(block("image_folder", root=str(folder)), "test", SPLITS, 0)


def test_more_images_than_there_are_is_said() -> None:
    with pytest.raises(UserError, match=r"ask for 70 images and more .* has 60: lower the counts"):
        pools.counted({"train": "all", "val": 70}, 60)
    assert pools.counted({"train": "all", "val": 7, "test": "all"}, 18) == {"train": 6, "val": 7, "test": 5}


# --- CIFAR-10 as it is on disk


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's own files, of 10 images per training batch and 20 test images, with their digests."""
    import torchvision

    base = tmp_path / "root" / "cifar-10-batches-py"
    base.mkdir(parents=True)
    rng = np.random.default_rng(0)
    digests = {}
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        count = 20 if name == "test_batch" else 10
        pixels = rng.integers(0, 256, (count, 3072), np.uint8)
        content = {b"batch_label": name.encode(), b"labels": [k % 10 for k in range(count)], b"data": pixels}
        content |= {b"filenames": [f"{k}.png".encode() for k in range(count)]}
        (base / name).write_bytes(pickle.dumps({key.decode(): value for key, value in content.items()}))
        digests[name] = hashlib.md5((base / name).read_bytes()).hexdigest()
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": names, "num_cases_per_batch": 10}))
    kind = torchvision.datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [[f"data_batch_{k}", digests[f"data_batch_{k}"]] for k in range(1, 6)])
    monkeypatch.setattr(kind, "test_list", [["test_batch", digests["test_batch"]]])
    meta = hashlib.md5((base / "batches.meta").read_bytes()).hexdigest()
    monkeypatch.setattr(kind, "meta", {"filename": "batches.meta", "key": "label_names", "md5": meta})
    return tmp_path / "root"


def cifar_block(root: Path | None) -> dict[str, Any]:
    parts = {"train": "train", "test": "test"}
    image = IMAGE | {"size": 32}
    return block("torchvision", name="CIFAR10", root=root and str(root), parts=parts, image=image)


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


# --- Hugging Face datasets


DOMAINS = ["real", "sketch"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """36 images of three classes and two domains, as `save_to_disk` writes them and as parquet; one is broken."""
    import io

    import datasets

    rows = []
    for code in range(36):
        stream = io.BytesIO()
        Image.fromarray(picture(code)).save(stream, "PNG")
        content = b"broken" if code == 35 else stream.getvalue()
        rows.append({"img": {"bytes": content, "path": None}, "kind": code % 3, "style": code // 18})
    features = datasets.Features(
        img=datasets.Image(decode=False),
        kind=datasets.ClassLabel(names=["x", "y", "z"]),
        style=datasets.ClassLabel(names=DOMAINS),
    )
    made = datasets.Dataset.from_list(rows, features=features)
    root = tmp_path_factory.mktemp("hub")
    datasets.DatasetDict(train=made).save_to_disk(str(root / "saved"))
    (root / "parquet").mkdir()
    made.to_parquet(str(root / "parquet" / "train.parquet"))
    return {"saved": root / "saved", "parquet": root / "parquet"}


def hub_block(path: Path, **more: Any) -> dict[str, Any]:
    columns = {"image": "img", "label": "kind", "domain": "style"}
    settings = {"path": str(path), "revision": None, "columns": columns, "domain": "real"}
    return block("huggingface", parts={"train": "train", "test": None}, **settings) | more


@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_a_datasets_folder_is_split_by_its_domains(
    hub: dict[str, Path], form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    splits = {"train": "all", "val": 3, "test": 6, "extra": 3}
    seen = {split: run(tmp_path, hub_block(hub[form]), split, splits=splits) for split in splits}
    codes = np.concatenate([images[:, 0, 0, 0] for images, _, _ in seen.values()])
    assert sorted(codes) == list(range(18))
    assert all(np.array_equal(labels, images[:, 0, 0, 0] % 3) for images, labels, _ in seen.values())
    ood = {"source": "domain", "domain": "sketch", "images": "all"}
    images, labels, record = run(tmp_path, hub_block(hub[form], unreadable=0.1), "ood-sketch", ood=ood)
    assert sorted(images[:, 0, 0, 0]) == list(range(18, 35)) and np.array_equal(labels, images[:, 0, 0, 0] % 3)
    assert record["facts"]["unreadable"]["skipped"] == 1 and record["facts"]["classes"] == ["x", "y", "z"]


def test_wrong_columns_domains_and_parts_are_said_with_those_that_are_there(hub: dict[str, Path]) -> None:
    good = hub_block(hub["saved"])
    columns = good["columns"]
    for change, message in (
        ({"domain": "photo"}, "has no domain 'photo'; it has real, sketch"),
        ({"columns": columns | {"image": "image"}}, "has no column 'image'; it has img, kind, style"),
        ({"parts": {"train": "training", "test": None}}, "has no part 'training'"),
    ):
        with pytest.raises(UserError, match=message):
            sources.pool_of(good | change, "train", SPLITS, 0)


def test_classes_that_are_text_mean_the_same_in_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    import datasets

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))

    def made(names: str, style: str) -> Any:
        rows = []
        for code, name in enumerate(names):
            stream = io.BytesIO()
            Image.fromarray(picture(code)).save(stream, "PNG")
            rows.append({"img": {"bytes": stream.getvalue(), "path": None}, "kind": name, "style": style})
        features = datasets.Features(
            img=datasets.Image(decode=False), kind=datasets.Value("string"), style=datasets.Value("string")
        )
        return datasets.Dataset.from_list(rows, features=features)

    both = datasets.concatenate_datasets([made("bcbcbc", "real"), made("cb", "sketch")])
    parts = datasets.DatasetDict(train=made("abcabcabcabc", "real"), test=both, odd=made("abd", "real"))
    parts.save_to_disk(str(tmp_path / "saved"))
    source = hub_block(tmp_path / "saved", parts={"train": "train", "test": "test"})
    splits = {"train": "all", "val": 1, "test": "all", "extra": 1}
    test = sources.pool_of(source, "test", splits, 0)
    assert test.classes == ["a", "b", "c"]
    assert {test.name(row)[-2]: label for row, label in enumerate(test.labels)} == {str(k): 1 + k % 2 for k in range(6)}
    shifted = sources.shifted(source, {"source": "domain", "domain": "sketch", "images": "all"}, 0)
    assert shifted.classes == ["a", "b", "c"] and shifted.labels.tolist() == [2, 1]
    with pytest.raises(UserError, match="is of the class 'd', which the training set does not have"):
        sources.pool_of(source | {"parts": {"train": "train", "test": "odd"}}, "test", splits, 0)
    chosen = source | {"parts": {"train": "train", "test": "odd"}, "classes": ["b", "a"]}
    assert sorted(sources.pool_of(chosen, "test", splits, 0).labels) == [0, 1]


# --- arrays


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


def test_corruptions_of_colour_images_are_made_in_pieces_as_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weightscape.datasets.corruptions import corrupt

    clean = run(tmp_path, block("image_folder", root=str(folder)), "test", shards=2)[0]
    monkeypatch.setattr(data, "CORRUPTED_AT_ONCE", 4)
    ood = {"source": "corruption", "kind": "noise", "severity": 2, "images": "all"}
    settings = {"dataset": "d", "split": "ood-noise", "shards": 3, "ood": ood, "seed": 5}
    shards = [str(path) for path in sorted((tmp_path / "1_data/d/test").glob("*.safetensors"))]
    data.main(["--settings", json.dumps(settings), "--out", str(tmp_path / "1_data/d/n"), "--test", *shards])
    parts = [read_shard(path).images for path in sorted((tmp_path / "1_data/d/n").glob("*.safetensors"))]
    assert np.array_equal(np.concatenate(parts), corrupt(clean, "noise", 2, np.random.default_rng(5)))


def test_a_truncated_shard_is_said(folder: Path, tmp_path: Path) -> None:
    run(tmp_path, block("image_folder", root=str(folder)), "test")
    path = tmp_path / "1_data/d/test/shard-00000.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="is not a whole shard"):
        map_shard(path)
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        read_labels(path)


# --- fetch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and the environment as it was afterwards."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "hf") if name == "HF_HOME" else "1")
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_lies_in_the_cache_is_recorded_and_read_from_there(cifar: Path, cache: Path, tmp_path: Path) -> None:
    from weightscape.stages import fetch

    place = cache / "torchvision" / "CIFAR10"
    place.parent.mkdir(parents=True)
    cifar.rename(place)
    settings = {"kind": "torchvision", "name": "CIFAR10", "parts": {"train": "train", "test": "test"}}
    record = tmp_path / "results" / "1_data" / "fetched" / "data-cifar10.json"
    fetch.main(["--settings", json.dumps(settings), "--out", str(record)])
    assert json.loads(record.read_text())["facts"]["images"] == {"train": 50, "test": 20}
    splits = {"train": "all", "val": 10, "test": "all", "extra": 10}
    assert len(run(tmp_path, cifar_block(None), "test", splits=splits)[0]) == 20


def test_a_datasets_folder_is_recorded_by_its_files(hub: dict[str, Path], cache: Path) -> None:
    from weightscape.fetching import fetch

    parts = {"train": "train", "test": None}
    facts = fetch({"kind": "huggingface", "path": str(hub["saved"]), "revision": None, "parts": parts})
    assert facts["images"] == {"train": 36} and len(facts["files"]) == 1


@pytest.mark.usefixtures("cache")
def test_only_fetch_may_use_the_network() -> None:
    import os

    from weightscape import cache as place

    place.set_up(network=True)
    assert "HF_HUB_OFFLINE" not in os.environ
    place.set_up()
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"
