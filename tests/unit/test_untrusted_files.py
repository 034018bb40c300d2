"""What comes from elsewhere can break nothing: pickles with code, absurd headers, names that leave their folder."""

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

from weightscape import files, records
from weightscape.checkpoints import open_checkpoint
from weightscape.errors import UserError
from weightscape.training import Checkpoint

FUZZ = Path(__file__).parents[1] / "faults" / "fuzz.py"
PACKAGE = Path(records.__file__).parent


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
    model: Any = torch.nn.Linear(1, 1)
    nothing: Any = None
    assert Checkpoint(path, "a").resume(model, nothing, nothing, nothing, []) == 0
    assert not (tmp_path / "touched").exists()


def test_nothing_in_the_package_unpickles_or_trusts_remote_code() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert "trust_remote_code" not in text and "pickle.load" not in text and "allow_pickle=True" not in text, path
        for line in text.splitlines():
            assert "torch.load(" not in line or "weights_only=True" in line, (path, line)
            assert "shell=True" not in line and "os.system" not in line and "yaml.load(" not in line, (path, line)


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
    for read in (open_checkpoint, files.read_tensors):
        with pytest.raises(UserError, match=r"weights\.safetensors"):
            read(path)


@pytest.mark.parametrize("name", ["../weights.safetensors", "/etc/passwd", "a/../../b"])
def test_a_record_cannot_name_outputs_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "manifest.json"
    files.write_json(path, {"stage": "data", "settings": {}, "outputs": {name: "0"}, "facts": {}})
    with pytest.raises(UserError, match="lies outside of its folder"):
        records.read_record(path)


def test_broken_files_of_every_kind_give_one_sentence_or_a_value() -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--inputs", "400", "--seed", "1"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
