"""Every source in miniature and in its true form on disk."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unit.data.source_miniatures import DOMAINS, picture


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
