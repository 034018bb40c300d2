"""Augmentations, pictures, logits, curvature and spectra: a GPU gives what the CPU gives."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unit.augmentations.test_policy_launches import MAGNITUDES
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import Operation
from weightscape.augmentations.policy import augmented
from weightscape.finetune.curvature import curvature
from weightscape.finetune.curvature_settings import Measure
from weightscape.finetune.evaluation import forward_of
from weightscape.networks import building
from weightscape.networks.settings import InputSettings

pytestmark = pytest.mark.cuda
CPU = torch.device("cpu")
FORM = InputSettings(32, (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize("name", MAGNITUDES)
def test_an_augmentation_is_the_cpus_and_waits_for_nothing(device: torch.device, name: str) -> None:
    rows = torch.arange(32)
    y, x = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 48), indexing="ij")
    images = torch.stack([x, y, (x * 9).sin().abs()]).expand(32, 3, 48, 48).contiguous()
    operation = Operation(name, MAGNITUDES[name])
    expected = augmented(images, Draws(5, 0 * rows, rows), [operation], 0.02)
    moved = images.to(device)
    augmented(moved, Draws(5, 0 * rows, rows, device), [operation], 0.02)  # makes the constants
    if device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        seen = augmented(moved, Draws(5, 0 * rows, rows, device), [operation], 0.02)
    finally:
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    off = ((seen.cpu() - expected).abs() > 1e-4).float().mean()
    assert off < 0.01  # pixels at which a rounding of the map takes another neighbour, or of a level another level


def test_draws_are_the_cpus_to_the_bit(device: torch.device) -> None:
    rows = torch.arange(100)
    ours, theirs = (Draws(9, rows, rows, place).uniform("s", 7).cpu() for place in (device, CPU))
    assert torch.equal(ours, theirs)


def test_logits_are_the_cpus(device: torch.device) -> None:
    torch.manual_seed(0)
    state = building.network("resnet18_3x3", 5).state_dict()
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    logits = []
    for place in (device, CPU):
        net = building.network("resnet18_3x3", 5)
        net.load_state_dict(state)
        logits.append(forward_of(building.prepared(net, place), FORM, place)(images))
    np.testing.assert_allclose(*logits, atol=1e-4, rtol=1e-4)
    assert (logits[0].argmax(1) == logits[1].argmax(1)).all()


def test_curvature_is_the_cpus(device: torch.device) -> None:
    torch.manual_seed(0)
    state = building.network("test_vit", 3).state_dict()
    inputs, labels = torch.rand(8, 3, 160, 160), torch.arange(8) % 3
    found = []
    for place in (device, CPU):
        net = building.network("test_vit", 3)
        net.load_state_dict(state)
        net = building.prepared(net, place)
        found.append(curvature(net, inputs.to(place), labels.to(place), Measure(8, 4, probes=2, iterations=4), 1))
    for name, value in vars(found[1]).items():
        assert vars(found[0])[name] == pytest.approx(value, rel=5e-3, abs=1e-3), name


def test_eigenvalues_of_a_batch_in_float64_are_numpys(device: torch.device) -> None:
    matrices = np.random.default_rng(0).standard_normal((12, 96, 64))
    products = torch.from_numpy(matrices).to(device)
    ours = torch.linalg.eigvalsh(products.mT @ products).cpu().numpy()
    np.testing.assert_allclose(ours, np.linalg.svd(matrices, compute_uv=False)[:, ::-1] ** 2, rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_of_diffusers_makes_the_cpus_pictures(device: torch.device, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    from unit.generate import chosen
    from unit.generate.tiny_models import stable_diffusion
    from weightscape.data.decoding import Form
    from weightscape.generate import pipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = stable_diffusion(tmp_path / "sd")
    settings: dict[str, Any] = {"model": str(folder), "size": 64, "steps": 3, "dtype": "float32", "batch_size": 4}
    source = chosen.of_pipeline(chosen.pipeline(**settings), pipeline.TEXT)
    asked = pipeline.Asked(["cat", "dog"], 3.0, 11, None)
    members, form = [(0, 0), (1, 0), (1, 1)], Form(64, 3, pixel_limit=10_000)
    pictures = []
    for place in (device, CPU):
        batches = pipeline.sample(pipeline.load(source, place), source.pipeline, asked, members, form)
        pictures.append(np.concatenate([content.images for content, _, _ in batches]).astype(int))
    assert (np.abs(pictures[0] - pictures[1]) > 3).mean() < 0.01
