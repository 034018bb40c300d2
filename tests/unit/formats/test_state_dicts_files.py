"""State dicts as people have them: shards, folders, training states, wrappers, pointers."""

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from weightscape.errors import UserError
from weightscape.formats.state_dicts import open_checkpoint

NET = {"fc.weight": torch.ones(4, 3), "fc.bias": torch.zeros(4)}
EMA = {name: tensor + 1 for name, tensor in NET.items()}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(tmp_path):
    save_file({"a.weight": np.ones((4, 3), "f4")}, tmp_path / SHARDS[0])
    save_file({"b.weight": np.ones((5, 3), "f2"), "c.weight": np.ones((2, 3))}, tmp_path / SHARDS[1])
    names = {"a.weight": SHARDS[0], "b.weight": SHARDS[1], "c.weight": SHARDS[1]}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return tmp_path


def test_shards_are_one_state_dict_by_index_and_by_folder(folder):
    for path in (folder, folder / "model.safetensors.index.json"):
        found = open_checkpoint(path)
        assert set(found) == {"a.weight", "b.weight", "c.weight"} and not found.notes
    (folder / "model.safetensors.index.json").unlink()
    assert set(open_checkpoint(folder)) == {"a.weight", "b.weight", "c.weight"}


def test_a_shard_alone_says_that_it_is_one(folder):
    found = open_checkpoint(folder / SHARDS[1])
    assert set(found) == {"b.weight", "c.weight"} and "one shard of 2" in found.notes[0]


def test_a_shard_that_lacks_or_is_cut_short_is_counted_and_the_rest_is_read(folder):
    content = (folder / SHARDS[1]).read_bytes()
    (folder / SHARDS[1]).write_bytes(content[:-7])
    found = open_checkpoint(folder)
    assert set(found) == {"a.weight"} and "truncated" in found.notes[0] and "its 2 tensors" in found.notes[0]
    (folder / SHARDS[1]).unlink()
    found = open_checkpoint(folder)
    assert set(found) == {"a.weight"} and "is not there: its 2 tensors are not measured" in found.notes[0]
    (folder / SHARDS[0]).unlink()
    with pytest.raises(UserError, match="none of which is there"):
        open_checkpoint(folder)


def test_the_cache_of_the_hub_is_a_folder_too(folder, tmp_path):
    cache = tmp_path / "models--org--net"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text("abc")
    (cache / "snapshots/abc").mkdir(parents=True)
    for file in folder.glob("model*json"), folder.glob("*.safetensors"):
        for path in file:
            path.rename(cache / "snapshots/abc" / path.name)
    assert len(open_checkpoint(cache)) == 3


def test_an_index_may_name_no_file_elsewhere(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../a.safetensors"}}))
    with pytest.raises(UserError, match="not beside it"):
        open_checkpoint(tmp_path)


def test_folders_without_weights_and_pointers_are_named(tmp_path):
    with pytest.raises(UserError, match="holds no file of weights"):
        open_checkpoint(tmp_path)
    pointer = tmp_path / "model.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(UserError, match="pointer of Git LFS"):
        open_checkpoint(pointer)


@pytest.mark.parametrize("name", ["w.ckpt", "w.pth.tar", "w.bin", "w.pt", "w.pth"])
@pytest.mark.parametrize("key", ["", "net", "ema", "params_ema", "state_dict", "model", "a.b"])
def test_the_only_state_dict_is_read_wherever_it_stands(tmp_path, name, key):
    content = NET
    for word in reversed(key.split(".") if key else []):
        content = {word: content, "epoch": 3, "args": argparse.Namespace(lr=0.1), "optimizer": {"x": NET}}
    torch.save(content, tmp_path / name)
    assert list(open_checkpoint(tmp_path / name)) == list(NET)


@pytest.mark.parametrize(("names", "taken"), [(("state_dict", "state_dict_ema"), 1), (("model", "ema"), 1)])
def test_averaged_weights_come_first_and_are_named(tmp_path, names, taken):
    torch.save(dict(zip(names, (NET, EMA), strict=True)), tmp_path / "w.pth")
    found = open_checkpoint(tmp_path / "w.pth")
    assert found["fc.weight"][0, 0] == 1 + taken and all(name in found.notes[0] for name in names)
    assert open_checkpoint(tmp_path / "w.pth", names[0])["fc.weight"][0, 0] == 1


def test_several_state_dicts_are_refused_by_name_until_one_is_chosen(tmp_path):
    torch.save({"teacher": NET, "student": EMA}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="teacher, student"):
        open_checkpoint(tmp_path / "w.pth")
    assert open_checkpoint(tmp_path / "w.pth", "student")["fc.weight"][0, 0] == 2
    with pytest.raises(UserError, match="no state dict under the key 'tutor'"):
        open_checkpoint(tmp_path / "w.pth", "tutor")


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_wrappers_are_left_out_of_names(tmp_path, wrapper):
    torch.save({wrapper + name: tensor for name, tensor in NET.items()}, tmp_path / "w.pt")
    assert list(open_checkpoint(tmp_path / "w.pt")) == list(NET)


def test_a_pickled_object_is_refused_by_the_name_of_its_class(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"class torch\.nn\.modules\.linear\.Linear"):
        open_checkpoint(tmp_path / "w.pt")
