"""Files from elsewhere break nothing: pickles with code, absurd headers, names that leave their folder."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weightscape.assemble.items import listed
from weightscape.assemble.loaded import load_items
from weightscape.errors import UserError
from weightscape.formats import json_yaml, tables, tensors
from weightscape.formats.shards import ImageSet, write_shard
from weightscape.formats.state_dicts import open_checkpoint
from weightscape.networks.checkpoint import Checkpoint
from weightscape.project import PACKAGE, ROOT
from weightscape.provenance import records

FUZZ = ROOT / "tests" / "faults" / "fuzz.py"


class Evil:
    """An object whose unpickling runs a command."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))])
def test_a_pickle_with_code_in_it_is_refused_unread(tmp_path: Path, ending: str, save: Any) -> None:
    path = tmp_path / f"weights{ending}"
    save({"weight": torch.ones(2), "more": Evil(tmp_path / "touched")}, path)
    with pytest.raises(UserError, match="not a whole file of weights alone"):
        open_checkpoint(path)
    assert not (tmp_path / "touched").exists()


def test_a_checkpoint_with_code_in_it_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"identity": "a", "more": Evil(tmp_path / "touched")}, path)
    assert Checkpoint(path, "a").resume({"model": torch.nn.Linear(1, 1)}, "cpu") == 0
    assert not (tmp_path / "touched").exists()


def test_nothing_in_the_package_unpickles_or_trusts_remote_code() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert "trust_remote_code" not in text and "pickle.load" not in text and "allow_pickle=True" not in text, path
        for line in text.splitlines():
            assert "torch.load(" not in line or "weights_only=True" in line, (path, line)
            assert "shell=True" not in line and "os.system" not in line, (path, line)
            assert "yaml.load(" not in line or "SafeLoader" in line or "BaseLoader" in line, (path, line)  # texts alone


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [1] * 70, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 2**62]},
        {"dtype": "F32", "shape": {}, "data_offsets": [0, 16]},
        {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]},
        "not an entry",
    ],
)
def test_an_absurd_header_of_safetensors_is_one_sentence(tmp_path: Path, entry: Any) -> None:
    text = json.dumps({"weight": entry}).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + np.ones(4, np.float32).tobytes())
    for read in (open_checkpoint, tensors.read_tensors):
        with pytest.raises(UserError, match=r"weights\.safetensors"):
            read(path)


@pytest.mark.parametrize("name", ["../weights.safetensors", "/etc/passwd", "a/../../b"])
def test_a_record_cannot_name_outputs_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "manifest.json"
    record = {"stage": "data", "settings": {}, "code": "", "inputs": {}, "outputs": {name: "0"}, "facts": {}}
    json_yaml.write_json(path, record)
    with pytest.raises(UserError, match="lies outside of its folder"):
        records.read_record(path)


def test_broken_files_of_every_kind_give_one_sentence_or_a_value() -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--inputs", "400", "--seed", "1"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("column", "values"), [("index", [0, 2]), ("index", [-1, 0]), ("label", None), ("true_label", [0, 1])]
)
def test_an_item_list_that_names_what_is_not_there_is_one_sentence(tmp_path: Path, column: str, values: Any) -> None:
    shard = tmp_path / "1_data" / "a" / "train" / "shard-00000.safetensors"
    write_shard(shard, ImageSet(np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.int64)))
    items = listed(records.place(shard), np.zeros(2, np.int64), "real")
    path = tmp_path / "3_assemble" / "items.parquet"
    tables.write_table(path, items.drop(columns=column) if values is None else items.assign(**{column: values}))
    with pytest.raises(UserError, match=r"items\.parquet (names no image|is no item list|has true labels that)"):
        load_items(path, torch.device("cpu"))


@pytest.mark.parametrize("python", ["this", "3.11.2"])
def test_an_archive_cannot_write_outside_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    import tarfile

    import torchvision
    from torchvision.datasets.utils import extract_archive

    from weightscape.data import torchvision_sets

    (tmp_path / "payload").write_text("code")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "payload", arcname="../outside")
    root = tmp_path / "root"
    root.mkdir()

    class Evil(torchvision.datasets.VisionDataset):
        def __init__(self, root: str, train: bool, download: bool = False) -> None:
            extract_archive(str(tmp_path / "set.tar.gz"), root)

    monkeypatch.setattr(torchvision.datasets, "Evil", Evil, raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extraction_filter", None, raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extractall", tarfile.TarFile.extractall)
    if python == "3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with pytest.raises(UserError, match=r"archive of torchvision's Evil was refused .*outside"):
        torchvision_sets.opened("Evil", root, "train", download=True)
    assert not (tmp_path / "outside").exists()


def test_a_data_set_cannot_name_images_outside_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from weightscape.data import huggingface
    from weightscape.data.settings import Columns, HubSet, Parts

    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    features = datasets.Features(
        image={"bytes": datasets.Value("binary"), "path": datasets.Value("string")}, label=datasets.Value("int64")
    )
    rows = [{"image": {"bytes": None, "path": name}, "label": 0} for name in ("../secret.png", "inside.png")]
    folder = tmp_path / "set"
    folder.mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(folder / "train.parquet"))
    source = HubSet("huggingface", str(folder), None, None, Parts("train", None))
    pool = huggingface.part(source, "train", Columns("image", "label", None))
    assert pool.encoded is not None and pool.encoded([1]) == [str(folder / "inside.png")]
    with pytest.raises(UserError, match=r"names the image .*secret\.png, outside of its folder"):
        pool.encoded([0])
