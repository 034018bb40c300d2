"""A run that timm itself loads, and gives the logits that we give."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import timm
import torch
from timm.data.config import resolve_data_config

from unit.finetune.small_runs import NEUTRAL, settings_of
from weightscape import cli
from weightscape.finetune.evaluation import forward_of
from weightscape.finetune.settings import FinetuneSettings
from weightscape.formats.tensors import write_tensors
from weightscape.networks import building
from weightscape.networks.settings import InputSettings, NetworkSettings
from weightscape.provenance.records import Origin, write_record

CPU = torch.device("cpu")
FORM = InputSettings(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))


def settings_with(model: str, form: InputSettings = FORM) -> FinetuneSettings:
    return replace(settings_of(NEUTRAL), network=NetworkSettings(model, form))


def a_run(folder: Path, model: str, form: InputSettings = FORM) -> torch.nn.Module:
    net = building.network(model, 3, seed=5)
    building.initialise_head(net, 5)
    write_tensors(folder / "after.safetensors", building.tensors_of(net))
    facts = {"classes": 3, "head": [building.head_name(net)]}
    origin = Origin("finetune", settings_with(model, form), "code")
    write_record(folder, origin, [folder / "after.safetensors"], facts)
    return net


LOADED = ["test_resnet", "tf_efficientnet_lite0.in1k", "test_efficientnet", "test_vit_patch4_32"]


@pytest.mark.parametrize("model", LOADED)
def test_timm_loads_an_exported_run_and_its_preparation(tmp_path: Path, model: str) -> None:
    net, out = a_run(tmp_path / "run", model), tmp_path / "out"
    assert cli.main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    theirs = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    prepared = resolve_data_config({}, model=theirs)
    assert tuple(prepared["input_size"]) == (3, 32, 32) and tuple(prepared["mean"]) == FORM.mean
    assert tuple(prepared["std"]) == FORM.std and prepared["crop_pct"] == 1.0
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    x = (torch.from_numpy(images) / 255 - torch.tensor(FORM.mean).view(3, 1, 1)) / torch.tensor(FORM.std).view(3, 1, 1)
    with torch.inference_mode():
        np.testing.assert_allclose(theirs(x).numpy(), forward_of(net, FORM, CPU)(images), atol=1e-4)


@pytest.mark.parametrize("model", ["vit_base_patch32_clip_224.openai", "resnet50_clip.openai"])
def test_the_head_on_clips_projection_is_exported_as_timms_one_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    small = {"img_size": 32, "embed_dim": 32, "depth": 2, "num_heads": 2}
    create, tiny = timm.create_model, cast("Any", small if model.startswith("vit") else {})
    monkeypatch.setattr(timm, "create_model", lambda name, **options: create(name, **tiny, **options))
    side = 32 if tiny else 224
    net, out = a_run(tmp_path / "run", model, replace(FORM, size=side)).eval(), tmp_path / "out"
    assert cli.main(["export", str(tmp_path / "run"), "--out", str(out)]) == 0
    theirs = create(f"local-dir:{out}", pretrained=True, **tiny).eval()
    assert theirs.num_classes == 3
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(theirs(x), net(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("resnet18_3x3", "has a stem that timm's"),
        ("test_resnet", "keep_weights dropped it"),
    ],
)
def test_what_timm_cannot_load_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, sentence: str
) -> None:
    a_run(tmp_path / "run", model)
    if model == "test_resnet":
        (tmp_path / "run/after.safetensors").unlink()
    assert cli.main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "out")]) == 1
    assert sentence in capsys.readouterr().err and not (tmp_path / "out").exists()
