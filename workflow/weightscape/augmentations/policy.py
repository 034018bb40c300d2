"""What a condition does to the images of a batch: a list of named operations, applied in order, and noise.

Images are float [n, c, h, w] in [0, 1], before normalisation. An operation is a name with its magnitudes, as the
config has it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from weightscape.augmentations.automatic import augmix, autoaugment, randaugment, trivialaugment
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.geometry import affine, elastic, erasing, flip, resample


def augmented(
    images: Tensor, draws: Draws, operations: Sequence[Mapping[str, Any] | None], noise: float = 0.0
) -> Tensor:
    """Images after the policy and, last, Gaussian noise of standard deviation `noise`; clamped to [0, 1].

    None in place of an operation leaves it out, and all draws of the others as they are.
    """
    for position, operation in enumerate(operations):
        if operation is None:
            continue
        values = dict(operation)
        name = values.pop("name")
        images = OPERATIONS[name](images, draws, f"{name}/{position}", **values)
    if noise > 0:
        images = gaussian_noise(images, draws, "noise", sigma=noise)
    return images.clamp(0, 1) if operations or noise > 0 else images


def gaussian_noise(images: Tensor, draws: Draws, stream: str, *, sigma: float) -> Tensor:
    """Independent Gaussian noise of standard deviation `sigma` (full scale is 1) on every value."""
    return images + sigma * draws.normal(stream, *images.shape[1:])


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "affine": affine,
    "elastic": elastic,
    "erasing": erasing,
    "flip": flip,
    "resample": resample,
    "gaussian_noise": gaussian_noise,
    "autoaugment": autoaugment,
    "randaugment": randaugment,
    "trivialaugment": trivialaugment,
    "augmix": augmix,
}
