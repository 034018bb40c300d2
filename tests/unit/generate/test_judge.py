"""The judge on a task that it must learn, and its shapes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unit.generate import chosen
from weightscape.formats.shards import ImageSet
from weightscape.generate import judge

QUICK = chosen.judge(width=4, epochs=4, batch_size=25, learning_rate=1e-2, shift=1, seed=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """More threads than free cores make these small networks many times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bars(count: int, size: int = 12, channels: int = 1) -> ImageSet:
    """Noisy images of a horizontal (0), a vertical (1) or no bar (2), at random places."""
    stream = np.random.default_rng(count)
    labels = np.arange(count) % 3
    images = stream.integers(0, 60, (count, channels, size, size))
    for image, label, place in zip(images, labels, stream.integers(2, size - 2, count), strict=True):
        if label == 0:
            image[:, place] = 220
        elif label == 1:
            image[:, :, place] = 220
    return ImageSet(images.astype(np.uint8), labels.astype(np.int64))


def accuracy(weights: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images that the judge assigns to their label."""
    return float((judge.predict(weights, images).argmax(1) == labels).mean())


@pytest.fixture(scope="module")
def trained() -> dict[str, np.ndarray]:
    return judge.train(bars(300), 3, QUICK)


def test_the_judge_learns_a_task_that_can_be_learnt(trained):
    assert accuracy(trained, bars(200).images, bars(200).labels) > 0.95


def test_shuffled_labels_are_recognised_at_chance(trained):
    labels = np.random.default_rng(0).permutation(bars(300).labels)
    assert accuracy(trained, bars(300).images, labels) < 0.5


def test_the_logits_are_linear_in_the_features(trained):
    images = bars(20).images
    linear = judge.features(trained, images) @ trained["head.weight"].T + trained["head.bias"]
    np.testing.assert_allclose(judge.predict(trained, images), linear, atol=1e-5)


def test_an_image_is_judged_alone_whatever_its_batch(trained):
    images = bars(judge.BATCH + 7).images
    whole = judge.predict(trained, images)
    assert whole.shape == (judge.BATCH + 7, 3)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole[-3:], judge.predict(trained, images[-3:]), atol=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained):
    again, other = (judge.train(bars(300), 3, replace(QUICK, seed=seed)) for seed in (1, 2))
    assert all(np.array_equal(trained[name], again[name]) for name in trained)
    assert not np.array_equal(trained["head.weight"], other["head.weight"])


def test_colour_images_of_another_size_and_an_empty_set_are_taken():
    weights = judge.train(bars(50, size=33, channels=3), 3, chosen.judge(width=2, epochs=1))
    assert judge.features(weights, bars(4, size=33, channels=3).images).shape == (4, judge.FEATURES)
    assert judge.predict(weights, np.zeros((0, 3, 33, 33), np.uint8)).shape == (0, 3)


def test_every_image_is_shifted_by_its_own_draw_within_the_limit():
    images = np.zeros((200, 1, 9, 9), np.uint8)
    images[:, :, 4, 4] = 1
    places = np.argwhere(judge._shifted(images, 2, np.random.default_rng(0)))[:, 2:]
    assert len(np.unique(places, axis=0)) == 25
    assert np.abs(places - 4).max() == 2


def test_training_leaves_torchs_global_stream_alone():
    before = torch.random.get_rng_state()
    judge.train(bars(30), 3, chosen.judge(width=2, epochs=1, batch_size=30))
    assert torch.equal(before, torch.random.get_rng_state())


def test_progress_counts_epochs(capsys):
    judge.train(bars(50), 3, chosen.judge(width=2, epochs=2))
    assert "2/2 epochs" in capsys.readouterr().err
