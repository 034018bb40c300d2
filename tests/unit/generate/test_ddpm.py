"""The diffusion model: resumption, independence of batches, guidance, and the errors of its settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from weightscape.errors import UserError
from weightscape.formats import tensors
from weightscape.generate import ddpm, denoiser, sampler
from weightscape.generate.denoiser import DDPMSettings
from weightscape.progress import Progress

TINY = DDPMSettings(patch=2, channels=(8,), steps=12, batch_size=8, warmup=0.1, checkpoint_every=5, sampler_steps=4)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """More threads than free cores make these small networks many times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def halves(count: int, size: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Images that are bright on the left (label 0) or on the right (label 1)."""
    labels = np.arange(count) % 2
    images = np.full((count, 1, size, size), 20, np.uint8)
    images[labels == 0, :, :, : size // 2] = 230
    images[labels == 1, :, :, size // 2 :] = 230
    return images, labels.astype(np.int64)


class Stopped(Exception):
    """Stands for a kill."""


class StoppingProgress(Progress):
    """Stops the training after 8 steps."""

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if self.done == 8:
            raise Stopped


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return ddpm.train(*halves(20), 2, TINY, seed=3)


@pytest.fixture(scope="module")
def learnt() -> tuple[DDPMSettings, dict[str, np.ndarray]]:
    settings = replace(TINY, steps=100, learning_rate=1e-2, label_drop=0.2, sampler_steps=6)
    return settings, ddpm.train(*halves(20), 2, settings, seed=0)


def stop_at_step_8(checkpoint, identity: str) -> None:
    with pytest.raises(Stopped):
        progress = StoppingProgress("generator", TINY.steps)
        ddpm.train(*halves(20), 2, TINY, 3, progress=progress, checkpoint=checkpoint, identity=identity)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_training_that_was_stopped_and_resumed_is_bit_identical(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.safetensors"
    stop_at_step_8(path, "a")
    progress = Progress("generator", TINY.steps)
    resumed = ddpm.train(*halves(20), 2, TINY, 3, progress=progress, checkpoint=path, identity="a")
    assert "continued at step 5" in capsys.readouterr().out
    assert (progress.first, progress.done) == (5, 12)
    assert same(resumed, weights)


def test_a_training_that_is_told_to_stop_saves_the_step_that_it_is_at(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.safetensors"
    answers = iter([False] * 3 + [True])
    with pytest.raises(SystemExit, match="143"):
        ddpm.train(*halves(20), 2, TINY, 3, checkpoint=path, identity="a", stopped=lambda: next(answers))
    resumed = ddpm.train(*halves(20), 2, TINY, 3, checkpoint=path, identity="a")
    assert "continued at step 4" in capsys.readouterr().out
    assert same(resumed, weights)


def test_a_checkpoint_of_another_identity_is_refused(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.safetensors"
    stop_at_step_8(path, "a")
    other = ddpm.train(*halves(20), 2, TINY, 3, checkpoint=path, identity="b")
    assert "of other settings, data or code: ignored" in capsys.readouterr().out
    assert same(other, weights)


def test_a_truncated_checkpoint_is_refused(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.safetensors"
    stop_at_step_8(path, "a")
    path.write_bytes(path.read_bytes()[:-100])
    again = ddpm.train(*halves(20), 2, TINY, 3, checkpoint=path, identity="a")
    assert "cannot be read" in capsys.readouterr().out
    assert same(again, weights)


def test_the_weights_survive_a_file_and_depend_on_the_seed(tmp_path, weights):
    tensors.write_tensors(tmp_path / "weights.safetensors", weights)
    assert same(tensors.read_tensors(tmp_path / "weights.safetensors"), weights)
    assert not same(ddpm.train(*halves(20), 2, TINY, seed=4), weights)


def test_training_leaves_torchs_global_stream_alone(weights):
    before = torch.random.get_rng_state()
    ddpm.train(*halves(20), 2, replace(TINY, steps=1), seed=3)
    sampler.sample(weights, TINY, 2, 0, 1.0, [0], seed=0)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_an_image_does_not_depend_on_the_batch_that_it_is_drawn_in(learnt, guidance):
    settings, weights = learnt
    labels = [0, 1, 1, 0, 1, 0, 0]
    whole = sampler.sample(weights, settings, 2, labels, guidance, range(7), seed=0)
    split = sampler.sample(weights, settings, 2, labels, guidance, range(7), seed=0, batch_size=3)
    alone = sampler.sample(weights, settings, 2, 1, guidance, [4], seed=0)
    difference = np.abs(whole.astype(int) - split)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.01
    assert np.abs(whole[4:5].astype(int) - alone).max() <= 1


def test_seed_index_and_label_name_the_starting_noise_and_guidance_does_not():
    def noise(*parts: int) -> torch.Tensor:
        return sampler._noise([1, 4, 4], TINY, *parts)

    assert torch.equal(noise(0, 1, 2), noise(0, 1, 2))
    draws = [noise(0, 1, 2), noise(1, 1, 2), noise(0, 2, 2), noise(0, 1, 3)]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == 4


def test_samples_show_the_label_that_was_asked_for(learnt):
    settings, weights = learnt
    labels = [0, 1] * 20
    images = sampler.sample(weights, settings, 2, labels, 2.0, range(40), seed=1).astype(float)
    brighter = images[..., 2:].mean((1, 2, 3)) > images[..., :2].mean((1, 2, 3))
    assert (brighter == np.array(labels)).mean() >= 0.95


def test_without_guidance_the_label_changes_nothing_but_the_noise(learnt):
    settings, weights = learnt
    model = sampler._rebuilt(weights, settings, 2, 1, "cpu")
    noise = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    free = [sampler._denoised(model, noise, torch.tensor(labels), 2, 0.0, settings) for labels in ([0] * 3, [1] * 3)]
    assert torch.equal(*free)


def test_guidance_0_and_1_are_limits_of_the_formula(learnt):
    settings, weights = learnt
    model = sampler._rebuilt(weights, settings, 2, 1, "cpu")
    grid, time, labels = torch.ones(2, 4, 2, 2), torch.tensor(500), torch.tensor([0, 1])
    with torch.no_grad():
        for limit in (0.0, 1.0):
            exact = sampler._guided(model, grid, time, labels, 2, limit, settings)
            near = sampler._guided(model, grid, time, labels, 2, limit + 1e-6, settings)
            torch.testing.assert_close(exact, near, atol=1e-4, rtol=1e-4)


def test_every_grey_level_survives_the_way_to_the_grid_and_back():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    grid = denoiser.to_grid(images, TINY)
    assert grid.shape == (1, 4, 8, 8)
    assert (grid.min(), grid.max()) == (-1, 1)
    assert np.array_equal(denoiser.to_images(grid, TINY), images)


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    settings = replace(TINY, steps=100, warmup=0.1, decay=0.5)
    rates = [ddpm.rate(settings, step) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10:51] == [1.0] * 41
    assert rates[51:] == pytest.approx(np.arange(49, 0, -1) / 50)


def test_bfloat16_samples_stay_near_those_of_float32(learnt):
    settings, weights = learnt
    exact, rough = (
        sampler.sample(weights, replace(settings, precision=name), 2, 0, 2.0, range(8), seed=0).astype(float)
        for name in denoiser.PRECISIONS
    )
    assert 0 < np.abs(exact - rough).mean() < 10


def test_a_training_that_diverges_is_a_users_error():
    model = denoiser.network(TINY, 2, 1, "cpu")
    torch.nn.init.constant_(model.conv_out.weight, float("nan"))
    with pytest.raises(UserError, match=r"diverged.*lower its learning_rate"):
        ddpm._exported(model, (1, 4, 4))


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ({"chanels": [8]}, "generator.chanels is not a setting: use some of patch"),
        ({"channels": [12]}, r"generator.channels must be a list of positive multiples of 8, got \(12,\)"),
        ({"steps": 0}, "generator.steps must be at least 1, got 0"),
        ({"label_drop": 1.0}, r"generator.label_drop must be in \[0, 1\), got 1.0"),
        ({"precision": "float16"}, "generator.precision must be one of float32, bfloat16, got float16"),
        ({"sampler_steps": 1}, r"generator.sampler_steps must be in \[2, 1000\], got 1"),
    ],
)
def test_settings_that_cannot_work_are_a_users_error(block, sentence):
    with pytest.raises(UserError, match=sentence):
        DDPMSettings.from_mapping(block)


def test_images_that_cannot_be_halved_are_a_users_error():
    with pytest.raises(UserError, match=r"images are 6 x 6 pixels.*multiples of 4"):
        ddpm.train(*halves(4, size=6), 2, replace(TINY, channels=(8, 8)), seed=0)


@pytest.mark.parametrize(("label", "indices"), [([0, 1], [0]), (2, [0])])
def test_labels_that_do_not_fit_are_refused(weights, label, indices):
    with pytest.raises(ValueError, match="labels"):
        sampler.sample(weights, TINY, 2, label, 1.0, indices, seed=0)
