import numpy as np
import pytest

from weightscape.data import corruptions, digits


@pytest.mark.parametrize("kind", corruptions.KINDS)
def test_corruptions_grow_with_severity_and_keep_the_form(kind: str) -> None:
    images = digits.mnist().images[::250]
    changes = []
    for severity in range(1, 6):
        changed = corruptions.corrupt(images, kind, severity, np.random.default_rng(0))
        assert changed.shape == images.shape and changed.dtype == np.uint8
        changes.append(np.abs(changed.astype(float) - images).mean())
    assert changes[0] > 0.5
    assert np.all(np.diff(changes) > 0)


def test_noise_has_the_stated_spread() -> None:
    grey = np.full((20, 1, 28, 28), 128, np.uint8)
    noisy = corruptions.corrupt(grey, "noise", 1, np.random.default_rng(0)).astype(float) / 255
    assert noisy.std() == pytest.approx(corruptions.NOISE[0], rel=0.03)
