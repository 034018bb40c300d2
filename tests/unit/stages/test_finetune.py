"""The finetune program on the device that is there: the data set waits on it, and its images/s are recorded."""

import contextlib
import json
from pathlib import Path

import pytest
import torch

from unit.stages.toy_training import SETTINGS, arguments
from weightscape.errors import Stopped
from weightscape.finetune import optimiser, training
from weightscape.formats.json_yaml import read_json
from weightscape.networks import device as device_module
from weightscape.stages import _program, finetune


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_a_run_keeps_its_data_on_the_device_and_records_its_rate(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    train = training.train

    def watched(model, items, *others):
        held.extend([items.images, items.labels, next(model.parameters())])
        return train(model, items, *others)

    monkeypatch.setattr(training, "train", watched)
    training_settings = {**SETTINGS["training"], "steps": 12, "checkpoint_minutes": 0.0}
    settings = {**SETTINGS, "training": training_settings, "precision": "auto"}
    inputs = arguments(tmp_path / "results")
    finetune.main([*inputs, "--device", device, "--settings", json.dumps(settings), "--out", str(tmp_path / "run")])
    assert all(isinstance(tensor, torch.Tensor) and tensor.device.type == device for tensor in held)
    assert held[0].dtype == torch.uint8 and held[0].shape == (48, 1, 32, 32)
    provenance = read_json(tmp_path / "run" / "provenance.json")
    assert provenance["device"].startswith(device) and provenance["images_per_second"] > 0
    facts = read_json(tmp_path / "run" / "manifest.json")["facts"]
    assert facts["action"]["changed_images"] == 1
    assert (facts["precision"] == "float32") == (device == "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("changed", ["precision_on", "name"])
def test_a_run_goes_on_only_on_the_device_and_in_the_precision_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: str
) -> None:
    settings = {**SETTINGS, "training": {**SETTINGS["training"], "steps": 8, "checkpoint_minutes": 0.0}}
    command = [*arguments(tmp_path / "results"), "--device", "cpu", "--settings", json.dumps(settings)]
    command += ["--out", str(tmp_path / "run")]
    module, value = {"precision_on": (optimiser, "bfloat16"), "name": (device_module, "cuda: another")}[changed]
    with monkeypatch.context() as patch:
        patch.setattr(module, changed, lambda *_: value)
        patch.setattr(_program, "stop_signal", lambda: contextlib.nullcontext(lambda: True))
        with pytest.raises(Stopped):
            finetune.main(command)
    assert (tmp_path / "run" / "checkpoint.pt").exists()
    finetune.main(command)
    assert "starting anew" in capsys.readouterr().err
    assert read_json(tmp_path / "run" / "manifest.json")["facts"]["precision"] == "float32"
