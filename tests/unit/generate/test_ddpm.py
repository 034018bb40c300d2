"""The diffusion model: resumption, independence of batches, and guidance."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unit.generate.chosen import training
from weightscape import errors
from weightscape.errors import UserError
from weightscape.formats import tensors
from weightscape.formats.shards import ImageSet
from weightscape.generate import ddpm, denoiser, sampler
from weightscape.generate.model_settings import ModelSettings, TrainGeneratorSettings
from weightscape.generate.settings import Ddpm, SamplingSettings
from weightscape.networks.checkpoint import Checkpoint
from weightscape.progress import Progress

MODEL = ModelSettings(patch=2, channels=(8,), layers=1, schedule="squaredcos_cap_v2", filter=False)
TINY = TrainGeneratorSettings(MODEL, training(steps=12, batch_size=8, warmup=0.1, checkpoint_minutes=0.0), seed=3)
DRAWN = Ddpm("ddpm", MODEL, SamplingSettings(4, 1.0), 0, 1)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """More threads than free cores make these small networks many times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def halves(count: int, size: int = 4) -> ImageSet:
    """Images that are bright on the left (label 0) or on the right (label 1)."""
    labels = np.arange(count) % 2
    images = np.full((count, 1, size, size), 20, np.uint8)
    images[labels == 0, :, :, : size // 2] = 230
    images[labels == 1, :, :, size // 2 :] = 230
    return ImageSet(images, labels.astype(np.int64))


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
    return ddpm.train(halves(20), 2, TINY)


@pytest.fixture(scope="module")
def learnt() -> dict[str, np.ndarray]:
    longer = replace(TINY.training, steps=100, learning_rate=1e-2, label_drop=0.2)
    return ddpm.train(halves(20), 2, TrainGeneratorSettings(MODEL, longer, seed=0))


def sampled(weights: dict[str, np.ndarray], labels: list[int], guidance: float, indices: range, seed: int = 0):
    """Images of labels and indices as one batch, in six steps."""
    return sampler.batch_of(weights, replace(DRAWN, sampling=SamplingSettings(6, 1.0)), 2, guidance, seed, "cpu")(
        labels, indices
    )


def stop_at_step_8(path, identity: str) -> None:
    with pytest.raises(Stopped), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ddpm, "Progress", StoppingProgress)
        ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, identity))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_training_that_was_stopped_and_resumed_is_bit_identical(tmp_path, weights, capsys, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    stop_at_step_8(path, "a")
    progress = Progress("generator", TINY.training.steps)
    monkeypatch.setattr(ddpm, "Progress", lambda *_: progress)
    resumed = ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, "a"))
    assert "resumed after 8 steps" in capsys.readouterr().err
    assert (progress.first, progress.done) == (8, 12)
    assert same(resumed, weights)


def test_a_training_that_is_told_to_stop_saves_the_step_that_it_is_at(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.pt"
    answers = iter([False] * 3 + [True])
    with pytest.raises(errors.Stopped):
        ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, "a", lambda: next(answers)))
    resumed = ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, "a"))
    assert "resumed after 4 steps" in capsys.readouterr().err
    assert same(resumed, weights)


def test_a_checkpoint_of_another_identity_is_refused(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.pt"
    stop_at_step_8(path, "a")
    other = ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, "b"))
    assert "of other settings, code or inputs" in capsys.readouterr().err
    assert same(other, weights)


def test_a_truncated_checkpoint_is_refused(tmp_path, weights, capsys):
    path = tmp_path / "checkpoint.pt"
    stop_at_step_8(path, "a")
    path.write_bytes(path.read_bytes()[:-100])
    again = ddpm.train(halves(20), 2, TINY, checkpoint=Checkpoint(path, "a"))
    assert "cannot be read" in capsys.readouterr().err
    assert same(again, weights)


def test_the_weights_survive_a_file_and_depend_on_the_seed(tmp_path, weights):
    tensors.write_tensors(tmp_path / "weights.safetensors", weights)
    assert same(tensors.read_tensors(tmp_path / "weights.safetensors"), weights)
    assert not same(ddpm.train(halves(20), 2, replace(TINY, seed=4)), weights)


def test_training_leaves_torchs_global_stream_alone(weights):
    before = torch.random.get_rng_state()
    ddpm.train(halves(20), 2, replace(TINY, training=replace(TINY.training, steps=1)))
    sampled(weights, [0], 1.0, range(1))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_an_image_does_not_depend_on_the_batch_that_it_is_drawn_in(learnt, guidance):
    labels = [0, 1, 1, 0, 1, 0, 0]
    whole = sampled(learnt, labels, guidance, range(7))
    split = np.concatenate([sampled(learnt, labels[at : at + 3], guidance, range(7)[at : at + 3]) for at in (0, 3, 6)])
    alone = sampled(learnt, labels[4:5], guidance, range(4, 5))
    difference = np.abs(whole.astype(int) - split)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.01
    assert np.abs(whole[4:5].astype(int) - alone).max() <= 1


def test_seed_index_and_label_name_the_starting_noise_and_guidance_does_not():
    def noise(*parts: int) -> torch.Tensor:
        return sampler._noise([1, 4, 4], 2, *parts)

    assert torch.equal(noise(0, 1, 2), noise(0, 1, 2))
    draws = [noise(0, 1, 2), noise(1, 1, 2), noise(0, 2, 2), noise(0, 1, 3)]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == 4


def test_samples_show_the_label_that_was_asked_for(learnt):
    labels = [0, 1] * 20
    images = sampled(learnt, labels, 2.0, range(40), seed=1).astype(float)
    brighter = images[..., 2:].mean((1, 2, 3)) > images[..., :2].mean((1, 2, 3))
    assert (brighter == np.array(labels)).mean() >= 0.95


def test_without_guidance_the_label_changes_nothing_but_the_noise(learnt):
    model = sampler._rebuilt(learnt, MODEL, 2, (1, 4, 4), "cpu")
    noise = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    free = [
        sampler._denoised(sampler.Guided(model, 2, 0.0, 1000.0), noise, torch.tensor(labels), sampler._solver(DRAWN))
        for labels in ([0] * 3, [1] * 3)
    ]
    assert torch.equal(*free)


def test_guidance_0_and_1_are_limits_of_the_formula(learnt):
    model = sampler._rebuilt(learnt, MODEL, 2, (1, 4, 4), "cpu")
    grid, time, labels = torch.ones(2, 4, 2, 2), torch.tensor(500), torch.tensor([0, 1])
    with torch.no_grad():
        for limit in (0.0, 1.0):
            exact = sampler.Guided(model, 2, limit, 1000.0).estimate(grid, time, labels)
            near = sampler.Guided(model, 2, limit + 1e-6, 1000.0).estimate(grid, time, labels)
            torch.testing.assert_close(exact, near, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_acts_from_its_time_on(learnt, guidance):
    model = sampler._rebuilt(learnt, MODEL, 2, (1, 4, 4), "cpu")
    grid, labels = torch.ones(2, 4, 2, 2), torch.tensor([0, 1])
    late = sampler.Guided(model, 2, guidance, 500.0)
    always, never = (sampler.Guided(model, 2, value, 1000.0) for value in (guidance, 1.0 if guidance else 0.0))
    with torch.no_grad():
        for time, same in ((250, always), (500, always), (501, never), (1000, never)):
            other = never if same is always else always
            estimates = [each.estimate(grid, torch.tensor(time), labels) for each in (late, same, other)]
            assert torch.equal(*estimates[:2])
            assert torch.equal(estimates[0], estimates[2]) == (guidance < 2)


def test_every_grey_level_survives_the_way_to_the_grid_and_back():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    grid = denoiser.to_grid(images, MODEL)
    assert grid.shape == (1, 4, 8, 8)
    assert (grid.min(), grid.max()) == (-1, 1)
    assert np.array_equal(denoiser.to_images(grid, MODEL), images)


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    settings = replace(TINY.training, steps=100, warmup=0.1, decay=0.5)
    rates = [ddpm.rate(settings, step) for step in range(100)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10:51] == [1.0] * 41
    assert rates[51:] == pytest.approx(np.arange(49, 0, -1) / 50)


def test_muon_trains_the_kernels_between_features_and_adamw_all_else():
    state = ddpm._start(TINY, 2, (1, 4, 4), "cpu")
    by_muon, by_adamw = (
        {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        for optimizer in (state.matrices, state.optimizer)
    )
    named = dict(state.model.named_parameters())
    outer = ("conv_in.weight", "conv_out.weight")
    assert {id(weight) for name, weight in named.items() if weight.ndim == 4 and name not in outer} == by_muon
    assert by_muon | by_adamw == set(map(id, named.values())) and not by_muon & by_adamw


def test_a_network_after_a_filter_is_resumed_and_draws_from_its_weights_alone(tmp_path):
    grey = halves(20, size=8)
    coloured = ImageSet(np.concatenate([grey.images, 255 - grey.images, grey.images // 2], axis=1), grey.labels)
    settings = replace(TINY, model=replace(MODEL, filter=True))
    whole = ddpm.train(coloured, 2, settings)
    with pytest.raises(Stopped), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ddpm, "Progress", StoppingProgress)
        ddpm.train(coloured, 2, settings, checkpoint=Checkpoint(tmp_path / "c", "a"))
    resumed = ddpm.train(coloured, 2, settings, checkpoint=Checkpoint(tmp_path / "c", "a"))
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)
    drawn = sampler.batch_of(whole, replace(DRAWN, model=settings.model), 2, 2.0, 0, "cpu")
    together, alone = drawn([0, 1], [4, 5]), drawn([1], [5])
    assert together.shape == (2, 3, 8, 8)
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 1


def test_bfloat16_answers_stay_near_those_of_float32(learnt):
    model = sampler._rebuilt(learnt, MODEL, 2, (1, 4, 4), "cpu")
    grid = torch.randn(8, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    time, labels = torch.tensor(500), torch.zeros(8, dtype=torch.int64)
    with torch.no_grad():
        exact, rough = (denoiser.estimate(model, grid, time, labels, name) for name in ("float32", "bfloat16"))
    assert 0 < (exact - rough).abs().mean() < 0.05


def test_a_training_that_diverges_is_a_users_error():
    model = denoiser.network(MODEL, 2, (1, 4, 4), "cpu")
    torch.nn.init.constant_(model.get_parameter("conv_out.weight"), float("nan"))
    with pytest.raises(UserError, match=r"diverged.*lower its learning_rate"):
        ddpm._exported(model, (1, 4, 4))


def test_images_that_cannot_be_halved_are_a_users_error():
    with pytest.raises(UserError, match=r"images are 6 x 6 pixels.*multiples of 4"):
        ddpm.train(halves(4, size=6), 2, replace(TINY, model=replace(MODEL, channels=(8, 8))))


@pytest.mark.parametrize("schedule", ["flow", "squaredcos_cap_v2", "linear"])
def test_times_have_the_noise_that_was_asked_for(schedule):
    noising = ddpm.Noising.on("cpu", replace(MODEL, schedule=schedule))
    fractions = (torch.arange(2000) + 0.5) / 2000
    times = noising.times(fractions, training(noise_mean=0.5, noise_spread=0.8))
    logs = (noising.noise / noising.image)[times].log()
    assert float(logs.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(logs.std()) == pytest.approx(0.8, abs=0.03)


def test_times_are_found_on_the_host_whatever_the_device_can_compute():
    fractions, wanted = (torch.arange(8) + 0.5) / 8, training(noise_mean=0.5, noise_spread=0.8)
    there, here = (ddpm.Noising.on(device, MODEL) for device in ("meta", "cpu"))
    assert there.image.device.type == there.noise.device.type == "meta"
    assert torch.equal(there.times(fractions, wanted), here.times(fractions, wanted))


@pytest.mark.parametrize("schedule", ["flow", "squaredcos_cap_v2", "linear"])
def test_the_solver_ends_at_the_image_that_a_model_is_sure_of(schedule):
    sure = torch.rand(2, 4, 2, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1

    class Sure(sampler.Guided):
        def estimate(self, grid, time, labels):
            return sure

    noise = torch.randn(2, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    model = denoiser.network(MODEL, 2, (1, 4, 4), "cpu")
    end = sampler._denoised(
        Sure(model, 2, 1.0, 1000.0),
        noise,
        torch.tensor([0, 1]),
        sampler._solver(replace(DRAWN, model=replace(MODEL, schedule=schedule))),
    )
    torch.testing.assert_close(end, sure, atol=1e-4, rtol=0)


@pytest.mark.parametrize("schedule", ["flow", "squaredcos_cap_v2", "linear"])
def test_the_solver_starts_at_noise_alone_and_takes_the_times_of_training(schedule):
    model = replace(MODEL, schedule=schedule)
    image, noise = denoiser.scales(model)
    solver = sampler._solver(replace(DRAWN, model=model))
    assert float(image[-1]) < 0.1 and float(noise[-1]) > 0.99
    for time, sigma in zip(solver.timesteps, solver.sigmas, strict=False):
        share, of_noise = solver._sigma_to_alpha_sigma_t(sigma)
        assert float(share) == pytest.approx(float(image[int(time)]), abs=0.01)
        assert float(of_noise) == pytest.approx(float(noise[int(time)]), abs=0.01)
