"""Which tensors of a file are taken, and which are told: shards that overlap, averaged copies, what has no name."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from weightscape.errors import UserError
from weightscape.formats.state_dicts import open_checkpoint, open_mapping

NET = {"a.fc.weight": torch.ones(4, 3), "a.fc.bias": torch.zeros(4)}
SHARDS = tuple(f"model-0000{at}-of-00003.safetensors" for at in (1, 2, 3))


@pytest.fixture
def folder(tmp_path):
    for at, name in enumerate(SHARDS):
        save_file({f"{'abc'[at]}.weight": np.full((4, 3), at, "f4")}, tmp_path / name)
    names = {f"{letter}.weight": name for letter, name in zip("abc", SHARDS, strict=True)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return tmp_path


def test_a_tensor_in_two_shards_is_that_of_the_index_or_is_told(folder):
    save_file({"a.weight": np.full((4, 3), 7, "f4"), "b.weight": np.ones((4, 3), "f4")}, folder / SHARDS[1])
    assert open_checkpoint(folder)["a.weight"][0, 0] == 0
    (folder / "model.safetensors.index.json").unlink()
    found = open_checkpoint(folder)
    assert found["a.weight"][0, 0] == 0 and f"a.weight is in {SHARDS[0]} and in {SHARDS[1]}" in found.notes[0]


def test_a_shard_that_the_index_does_not_name_is_told(folder):
    names = {"a.weight": SHARDS[0], "b.weight": SHARDS[1]}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    found = open_checkpoint(folder)
    assert set(found) == set(names) and f"the index does not name {SHARDS[2]}" in found.notes[0]


def test_an_index_that_is_a_pointer_is_called_that(folder):
    (folder / "model.safetensors.index.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(UserError, match="pointer of Git LFS"):
        open_checkpoint(folder)


def test_the_state_of_an_optimiser_is_told_and_not_measured(tmp_path):
    moments = [f"optimizer.state.exp_avg.{name}" for name in NET] + ["exp_avg_sq.fc.weight", "opt_state.mu.fc.weight"]
    save_file({name: np.ones((4, 3), "f4") for name in ["a.fc.weight", *moments]}, tmp_path / "w.safetensors")
    found = open_checkpoint(tmp_path / "w.safetensors")
    assert list(found) == ["a.fc.weight"] and "4 tensors are those of an optimiser" in found.notes[0]
    assert set(open_checkpoint(tmp_path / "w.safetensors", "optimizer.state.exp_avg")) == set(NET)
    moment = {"a.fc.weight": {"exp_avg": torch.ones(4, 3), "step": torch.ones(())}}
    torch.save({"state": moment, "param_groups": []}, tmp_path / "optimizer.pt")
    torch.save({"state": {"exp_avg": NET}}, tmp_path / "other.pt")
    for name in ("optimizer.pt", "other.pt"):
        with pytest.raises(UserError, match="holds no tensors by name"):
            open_checkpoint(tmp_path / name)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"GGUF" + bytes(99), b"\x89HDF\r\n\x1a\n"])
def test_a_file_of_another_format_is_called_that(tmp_path, content):
    (tmp_path / "w.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"its bytes are not those of torch\.save"):
        open_checkpoint(tmp_path / "w.bin")


def test_a_slice_of_tensor_parallelism_says_that_it_is_one(tmp_path):
    for at in (0, 1):
        torch.save(NET, tmp_path / f"consolidated.0{at}.pth")
        (tmp_path / f"mp_rank_0{at}").mkdir()
        torch.save({"model": NET}, tmp_path / f"mp_rank_0{at}" / "model_optim_rng.pt")
    for name in ("consolidated.01.pth", "mp_rank_00/model_optim_rng.pt"):
        assert "one of 2 slices" in open_checkpoint(tmp_path / name).notes[0]
    (tmp_path / "consolidated.01.pth").unlink()
    assert not open_checkpoint(tmp_path / "consolidated.00.pth").notes


@pytest.mark.parametrize(
    "name",
    [
        "layer_03-model_0{}-model_states.pt",  # Megatron-DeepSpeed
        "reshard-model_part-{}.pt",  # metaseq
        "model-rank-{}-part-0.safetensors",  # vLLM
        "rank{}.safetensors",  # TensorRT-LLM
    ],
)
def test_one_slice_of_several_is_known_by_its_name(tmp_path, name):
    for at in range(2):
        path = tmp_path / name.format(at)
        save_file({"a.weight": np.eye(4, dtype="f4")}, path) if path.suffix == ".safetensors" else torch.save(NET, path)
    found = open_checkpoint(path)
    assert "one of 2 slices" in found.notes[0] and found.slices == 2
    path.unlink()
    assert open_checkpoint(tmp_path / name.format(0)).slices == 1


def test_a_dictionary_without_a_matrix_beside_the_network_is_counted(tmp_path):
    torch.save({"backbone": NET, "norm": {"weight": torch.ones(4), "bias": torch.ones(4)}}, tmp_path / "w.pt")
    found = open_checkpoint(tmp_path / "w.pt")
    assert list(found) == list(NET) and "2 tensors stand" in found.notes[0]


def test_a_folder_of_the_hub_without_main_is_its_only_commit(tmp_path):
    (tmp_path / "refs").mkdir()
    (tmp_path / "snapshots/abc").mkdir(parents=True)
    save_file({"a.weight": np.ones((4, 3), "f4")}, tmp_path / "snapshots/abc/model.safetensors")
    assert list(open_checkpoint(tmp_path)) == ["a.weight"]


def plus(opening, change, state=NET):
    return {opening + change(name): tensor + 1 for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("own", "state"),
    [
        ("model.", plus("ema_model.", str)),
        ("model.", plus("ema_model.module.", str) | {"ema_model.n_averaged": torch.tensor(3)}),
        ("model.", plus("model_ema.", lambda name: name.replace(".", "")) | {"model_ema.decay": torch.tensor(0.9)}),
        ("", plus("ema.", str)),
    ],
)
def test_averaged_copies_beside_the_weights_take_their_place_and_are_named(tmp_path, own, state):
    torch.save({own + name: tensor for name, tensor in NET.items()} | state, tmp_path / "w.pt")
    found = open_checkpoint(tmp_path / "w.pt")
    matrices = {name: found[name] for name in found if found.shapes[name][1:]}
    assert list(matrices) == [f"{own}a.fc.weight"] and matrices[f"{own}a.fc.weight"][0, 0] == 2
    assert "averaged" in found.notes[0] and ("--key" in found.notes[0]) == bool(own)
    if own:
        assert open_checkpoint(tmp_path / "w.pt", "model")["a.fc.weight"][0, 0] == 1


def test_the_key_that_the_note_on_averages_names_is_one_within_a_training_state_too(tmp_path):
    state = {"model.fc.weight": torch.ones(3, 4), "model_ema.fcweight": torch.zeros(3, 4)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "x.ckpt")
    assert "--key model for those" in open_checkpoint(tmp_path / "x.ckpt").notes[-1]
    read = open_checkpoint(tmp_path / "x.ckpt", "model")
    assert list(read) == ["fc.weight"] and (read["fc.weight"] == 1).all()


def test_a_part_called_ema_that_is_no_copy_stays(tmp_path):
    state = NET | {"ema.gate.weight": torch.ones(3, 3), "EMA.fc.weight": torch.ones(4, 3)}
    torch.save(state, tmp_path / "w.pt")
    assert list(open_checkpoint(tmp_path / "w.pt")) == list(state)


@pytest.mark.parametrize("name", ["EMA", "ema", "G_EMA"])
def test_averaged_weights_of_any_case_come_before_those_beside_them(name):
    found = open_mapping({**NET, name: {key: tensor + 1 for key, tensor in NET.items()}})
    assert found["a.fc.weight"][0, 0] == 2


def test_a_matrix_beside_a_state_dict_is_not_taken_for_the_network(tmp_path):
    torch.save({"state_dict": NET, "class_means": torch.ones(9, 3)}, tmp_path / "w.pt")
    found = open_checkpoint(tmp_path / "w.pt")
    assert list(found) == list(NET) and "the file itself" in found.notes[0]


def test_tensors_without_a_name_are_counted(tmp_path):
    torch.save(NET | {0: torch.ones(4, 4), "packed": (torch.ones(3, 3), None), "lr": 0.1}, tmp_path / "w.pt")
    found = open_checkpoint(tmp_path / "w.pt")
    assert list(found) == list(NET)
    assert "2 tensors stand under numbers, in lists or" in found.notes[0]


def test_many_state_dicts_are_named_in_a_line_of_few(tmp_path):
    torch.save({f"layer{at}": NET for at in range(40)}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"layer0, .*layer5, \.\.\. \(40 in all\)"):
        open_checkpoint(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_reading_warns_of_nothing(tmp_path, recwarn):
    torch.save({"a.weight": torch.eye(4).to_sparse(), "b.weight": torch.ones(4, 3)}, tmp_path / "w.pt")
    assert len(open_checkpoint(tmp_path / "w.pt")) == 2
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), tmp_path / "script.pt")
    recwarn.clear()
    with pytest.raises(UserError, match="TorchScript"):
        open_checkpoint(tmp_path / "script.pt")
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_numbers_that_numpy_lacks_stop_no_other(tmp_path):
    halves = torch.complex(torch.ones(4, 3), torch.ones(4, 3)).to(torch.complex32)
    torch.save({"a.weight": halves, "b.weight": torch.ones(4, 3)}, tmp_path / "w.pt")
    found = open_checkpoint(tmp_path / "w.pt")
    assert found["a.weight"].dtype.kind == "c" and found["b.weight"].sum() == 12


def test_longer_numbers_are_read_as_doubles_and_masked_ones_as_not_a_number():
    masked = np.ma.masked_array(np.ones((4, 3)), np.eye(4, 3, dtype=bool))
    found = open_mapping({"a.weight": np.ones((4, 3), np.longdouble), "b.weight": masked})
    assert found["a.weight"].dtype == np.float64 and np.isnan(found["b.weight"]).sum() == 3


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
@pytest.mark.parametrize("kind", ["lazy", "nested"])
def test_a_tensor_without_a_shape_is_one_sentence(tmp_path, kind):
    state: dict = torch.nn.Sequential(torch.nn.LazyLinear(3)).state_dict()
    if kind == "nested":
        state = {"a.weight": torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)])}
        torch.save(state, tmp_path / "w.pt")
        with pytest.raises(UserError, match="no shape"):
            open_checkpoint(tmp_path / "w.pt")
    with pytest.raises(UserError, match="no shape"):
        open_mapping(NET | state)


def test_values_in_memory_without_a_name_are_counted():
    found = open_mapping(NET | {0: torch.ones(3, 3), b"x": np.ones(3), "packed": [np.ones((3, 3))]})
    assert list(found) == list(NET) and "3 tensors stand under numbers" in found.notes[0]


def test_tensors_that_stand_too_deep_are_counted(tmp_path):
    deep: dict = {"x.weight": torch.ones(3, 3)}
    for word in "abcdef":
        deep = {word: deep}
    torch.save({"state_dict": NET, **deep}, tmp_path / "w.pt")
    assert "1 tensors stand" in open_checkpoint(tmp_path / "w.pt").notes[0]


def test_a_header_that_names_a_tensor_twice_is_refused(tmp_path):
    one = '"a.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}'
    header = f"{{{one},{one}}}".encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(UserError, match="names a tensor twice"):
        open_checkpoint(tmp_path / "w.safetensors")
