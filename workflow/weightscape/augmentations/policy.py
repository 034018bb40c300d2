"""Applies a condition's policy to the images of a batch: its operations in order, then noise.

Images are float [n, c, h, w] in [0, 1], before normalisation.
"""

from collections.abc import Sequence

from torch import Tensor

from weightscape.augmentations import automatic, geometry
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import OPERATIONS, Operation

MODULES = {"automatic": automatic, "geometry": geometry}


def augmented(images: Tensor, draws: Draws, operations: Sequence[Operation | None], sigma: float = 0.0) -> Tensor:
    """Images after the policy and, last, Gaussian noise of standard deviation `sigma`; clamped to [0, 1].

    None in place of an operation leaves it out, and all draws of the others as they are.
    """
    for position, operation in enumerate(operations):
        if operation is not None:
            stream = f"{operation.name}/{position}"
            function = getattr(MODULES[OPERATIONS[operation.name].module], operation.name)
            images = function(images, draws, stream, **operation.magnitudes)
    if sigma > 0:
        images = geometry.gaussian_noise(images, draws, "noise", sigma=sigma)
    return images.clamp(0, 1) if operations or sigma > 0 else images
