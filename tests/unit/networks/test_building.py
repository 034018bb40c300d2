"""CLIP image towers and networks from scratch: weights from a file, head on the projection, seeds."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from weightscape.assemble import loaded as assemble_loaded
from weightscape.errors import UserError
from weightscape.finetune import proof, training
from weightscape.finetune.settings import FinetuneSettings
from weightscape.formats.tensors import write_tensors
from weightscape.formats.typed import from_json
from weightscape.networks import building, pretrained
from weightscape.networks.settings import DROPOUTS, InputSettings
from weightscape.project import ROOT
from weightscape.study import doses, settings
from weightscape.study.checks import networks as dropouts
from weightscape.study.config import load

TINY = {
    "vit_base_patch32_clip_224.openai": {"img_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 2},
    "vit_base_patch32_clip_quickgelu_224.openai": {"img_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 2},
    "resnet50_clip.openai": {},
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm builds the same architectures at a size fit for a test."""
    create = timm.create_model

    def smaller(model: str, **options):
        return create(model, **TINY.get(model, {}), **options)

    monkeypatch.setattr(timm, "create_model", smaller)


def saved(path: Path, model: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights of timm's own network, as a file."""
    torch.manual_seed(seed)
    tensors = building.tensors_of(timm.create_model(model))
    write_tensors(path, tensors)
    return tensors


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("model", TINY)
def test_the_head_sits_on_the_projection_of_the_file(model: str, tmp_path: Path) -> None:
    given = saved(tmp_path / "w.safetensors", model)
    weights = pretrained.pretrained(model, str(tmp_path / "w.safetensors"))
    assert set(weights) == set(given) and all(np.array_equal(weights[name], given[name]) for name in given)
    net, reference = building.network(model, 5).eval(), timm.create_model(model).eval()
    building.load_weights(net, weights)
    building.load_weights(reference, given)
    side = 32 if model.startswith("vit") else 224
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        head = net.get_submodule(building.head_name(net))
        torch.testing.assert_close(net(images), head(reference(images)))
        torch.testing.assert_close(building.network(model, 0).eval()(images).shape, reference(images).shape)
    assert building.head_parameters(net) == [f"{building.head_name(net)}.{part}" for part in ("weight", "bias")]
    assert net(images).shape == (2, 5)


@pytest.mark.usefixtures("small")
def test_head_dropout_acts_before_the_head_in_training_alone() -> None:
    model = "vit_base_patch32_clip_224.openai"
    net = building.network(model, 5, {"head": 0.5})
    images = torch.rand(4, 3, 32, 32)
    seen: list[torch.Tensor] = []
    net.get_submodule(building.head_name(net)).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    net.train()(images)
    net.eval()(images)
    assert 0.3 < (seen[0] == 0).float().mean() < 0.7
    assert (seen[1] != 0).all()


@pytest.mark.usefixtures("small")
def test_torch_files_are_read_and_other_networks_refused(tmp_path: Path) -> None:
    model = "vit_base_patch32_clip_224.openai"
    torch.manual_seed(3)
    reference = timm.create_model(model)
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    loaded = pretrained.pretrained(model, str(tmp_path / "w.pth"))
    assert np.array_equal(loaded["head.weight"], reference.state_dict()["head.weight"].numpy())
    other = timm.create_model("test_resnet")
    torch.save(other.state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"weights for vit_base.* from .*other.pth cannot be loaded .*use the weights"):
        pretrained.pretrained(model, str(tmp_path / "other.pth"))


def test_a_pickle_of_code_is_refused(tmp_path: Path) -> None:
    torch.save({"w": np.add}, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=r"object of class numpy\.add"):
        pretrained.pretrained("test_resnet", str(tmp_path / "bad.pt"))


def test_a_missing_file_and_an_unknown_word_are_said() -> None:
    with pytest.raises(UserError, match=r"none\.safetensors do not exist"):
        pretrained.pretrained("test_resnet", "none.safetensors")
    with pytest.raises(UserError, match="weights 'imagenet' are unknown; allowed: wheel, hub, none or the path"):
        pretrained.pretrained("test_resnet", "imagenet")


def test_the_hub_is_not_asked_outside_of_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"from the hub cannot be loaded .*rule `fetch`"):
        pretrained.pretrained("test_resnet", "hub")


def test_networks_from_scratch_differ_by_seed_alone() -> None:
    nets = [building.tensors_of(building.network("resnet18_3x3", 10, seed=seed)) for seed in (1, 1, 2)]
    assert all(np.array_equal(nets[0][name], nets[1][name]) for name in nets[0])
    assert not np.array_equal(nets[0]["conv1.weight"], nets[2]["conv1.weight"])


def test_building_a_network_leaves_torchs_global_stream_alone() -> None:
    before = torch.random.get_rng_state()
    building.network("test_resnet", 10, seed=4)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_network_with_weights_of_five_axes_is_brought_into_the_layout_too() -> None:
    made = timm.create_model("lambda_resnet26t", num_classes=3).eval()
    images = torch.rand(2, 3, 64, 64)
    expected = made(images)
    prepared = building.prepared(made, torch.device("cpu"))
    assert any(weight.ndim == 5 for weight in prepared.parameters())
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in prepared.parameters() if w.ndim == 4)
    torch.testing.assert_close(prepared(images), expected, rtol=1e-3, atol=1e-4)


def test_the_small_stem_keeps_the_side_until_the_pooling() -> None:
    net = building.network("resnet18_3x3", 10)
    stem = net.get_submodule("conv1")
    assert isinstance(stem, nn.Conv2d) and stem.kernel_size == (3, 3) and stem.stride == (1, 1)
    assert stem(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 32, 32)
    assert isinstance(net.get_submodule("maxpool"), nn.MaxPool2d)
    with pytest.raises(UserError, match="'_3x3' is for residual networks"):
        building.built("test_vit_3x3", 10)


def test_a_transformer_of_small_images_cuts_them_into_small_patches() -> None:
    net = building.network("test_vit_patch4_32", 10)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert net.get_parameter("pos_embed").shape[1] == (32 // 4) ** 2 + 1
    assert net.get_parameter("patch_embed.proj.weight").shape[-2:] == (4, 4)
    own = building.network("vit_tiny_patch16_224", 10)  # which is timm's own
    assert own.get_parameter("pos_embed").shape[1] == 14**2 + 1
    with pytest.raises(UserError, match="timm's 'test_resnet' does not cut images so"):
        building.built("test_resnet_patch4_32", 10)


PAPER = load(ROOT / "config.yaml", ROOT / "workflow" / "studies" / "paper.yaml")
TOWER = "clip-vit-b32"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dose", ["p10", "p30"])
def test_the_papers_doses_inside_fire_in_attention_mlps_and_blocks_at_their_rate(dose: str) -> None:
    act = doses.action(PAPER, "dropout_inside", dose, TOWER)
    rate = PAPER["families"]["dropout_inside"]["doses"][dose]["rate"]
    model = PAPER["backbones"][TOWER]["model"]
    net = building.prepared(building.network(model, 3, act.dropout), torch.device("cpu"))
    images = torch.randint(0, 256, (48, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(48) % 3
    items = assemble_loaded.Items(images, labels, labels, torch.zeros(48, dtype=torch.int8), torch.arange(48))
    run = {"dataset": "cifar10", "backbone": TOWER, "family": "dropout_inside", "dose": dose, "seed": "0"}
    block = settings.settings(PAPER, "finetune", run)
    block["training"] |= {"steps": 6, "witness_every": 1, "history_every": 6}
    block["network"]["input"]["size"] = 32
    block |= {"precision": "float32", "compile": False, "seed": 4}
    _, seen = training.train(net, items, from_json(FinetuneSettings, block))
    proof.verdict(seen, act, items.description(), 6)
    for place in DROPOUTS:
        wanted = rate if place in ("attention", "mlp", "block") else 0.0
        assert seen.places[place].drop_rate == pytest.approx(wanted, abs=0.02)
        assert seen.places[place].drop_rate_evaluation == 0.0


@pytest.mark.parametrize("place", ["attention", "mlp"])
def test_a_dose_that_a_backbone_cannot_do_is_one_sentence_before_the_first_job(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path))
    config = copy.deepcopy(PAPER)
    dropouts.check(config)
    config["families"]["dropout_inside"]["doses"]["p30"]["places"]["resnet18"] = [place]
    expected = rf"families\.dropout_inside\.doses\.p30 in backbone 'resnet18': dropout in {place} was asked for, but"
    with pytest.raises(UserError, match=expected) as caught:
        dropouts.check(config)
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(dropouts, "_build", lambda *_: pytest.fail("was built again"))
    dropouts.check(PAPER)


@pytest.mark.parametrize("model", ["resnet188", "vit_base_patch32_clip_224.nope", "resnet188_3x3", "vit_tny_patch4_28"])
def test_an_unknown_network_is_one_sentence_before_the_first_job(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path))
    config = load(ROOT / "config.yaml", None)
    config["study"]["families"] = ["noise"]  # drops nothing
    dropouts.check(config)
    backbone = config["study"]["backbones"][0]
    config["backbones"][backbone]["model"] = model
    with pytest.raises(UserError, match=rf"^config: backbones\.{backbone}\.model: backbone model .* unknown to timm"):
        dropouts.check(config)
    monkeypatch.setattr(dropouts, "_build", lambda *_: pytest.fail("was asked again"))
    config["backbones"][backbone]["model"] = "hf-hub:someone/network"
    dropouts.check(config)
    config["backbones"] = load(ROOT / "config.yaml", None)["backbones"]
    dropouts.check(config)


@pytest.mark.parametrize(("change", "fault"), [({"size": 64}, "3 channels of 64 x 64 px"), ({"mean": [0.5]}, "1 chan")])
def test_an_input_that_a_network_cannot_take_is_one_sentence_before_the_first_job(
    change: dict[str, Any], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHTSCAPE_CACHE", str(tmp_path))
    config = copy.deepcopy(PAPER)
    config["backbones"]["clip-vit-b32"]["input"] |= change
    expected = (
        rf"^config: backbones\.clip-vit-b32\.input: timm's .* cannot take {fault}.*: change size, or mean and std$"
    )
    with pytest.raises(UserError, match=expected):
        dropouts.check(config)


@pytest.mark.parametrize("shape", [(48, 48), (31, 40), (24, 50)])
def test_images_that_shrink_are_averaged_over_all_that_a_pixel_covers(shape) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    form = InputSettings(24, (0.0,), (1.0,))
    shown = building.as_input(building.as_unit(torch.from_numpy(image)[None, None]), form)
    expected = np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.BILINEAR)) / 255
    np.testing.assert_allclose(shown[0, 0].numpy(), expected, atol=1.01 / 255)


def test_images_that_grow_are_interpolated() -> None:
    images = torch.rand(2, 3, 8, 8)
    shown = building.as_input(images, InputSettings(12, (0.0,) * 3, (1.0,) * 3))
    assert torch.allclose(shown, torch.nn.functional.interpolate(images, size=(12, 12), mode="bilinear"))
