"""Gaussian noise on images [n, c, h, w] in [0, 1]."""

from torch import Tensor

from weightscape.augmentations.draws import Draws


def gaussian_noise(images: Tensor, draws: Draws, stream: str, *, sigma: float) -> Tensor:
    """Independent Gaussian noise of standard deviation `sigma` (full scale is 1) on every value."""
    return images + sigma * draws.normal(stream, *images.shape[1:])
