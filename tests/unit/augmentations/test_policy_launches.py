"""A policy never looks at its device, and launches few operations there."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import Operation
from weightscape.augmentations.policy import augmented

LIMITS = {  # launches that a batch of 32 images may take
    "autoaugment": 100,
    "randaugment": 110,
    "trivialaugment": 60,
    "augmix": 150,
    "affine": 30,
    "elastic": 30,
    "erasing": 5,
    "flip": 6,
    "gaussian_noise": 30,
    "resample": 4,
}
MAGNITUDES: dict[str, dict[str, float | str]] = {
    "autoaugment": {"policy": "imagenet"},
    "randaugment": {"operations": 2, "magnitude": 9},
    "trivialaugment": {},
    "augmix": {"severity": 3, "width": 3},
    "affine": {"degrees": 25, "translate": 0.15, "scale": 0.25, "shear": 15},
    "elastic": {"alpha": 6.0, "sigma": 3.0},
    "erasing": {"probability": 0.9, "area": 0.3},
    "flip": {"horizontal": 0.5, "vertical": 0.5},
    "gaussian_noise": {"sigma": 0.2},
    "resample": {"size": 20},
}


class Launches(TorchDispatchMode):
    """Counts the operations that compute, and refuses those that wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not any(look in func.name() for look in ("_local_scalar_dense", "nonzero", "unique"))
        alias = func._schema.returns[0].alias_info if func._schema.returns else None
        self.count += alias is None or alias.is_write
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", LIMITS)
def test_a_policy_takes_few_launches_and_reads_nothing_from_the_device(name: str) -> None:
    images = torch.rand(32, 3, 32, 32)
    for epoch in range(3):  # the first fills the constants
        rows = torch.arange(32)
        draws = Draws(5, torch.full_like(rows, epoch), rows)
        with Launches() as launches:
            augmented(images, draws, [Operation(name, MAGNITUDES[name])])
    assert launches.count <= LIMITS[name] + 1  # the last clamp


@pytest.mark.parametrize("name", LIMITS)
def test_a_policy_works_on_a_device_whose_values_nobody_can_read(name: str) -> None:
    images = torch.empty(8, 3, 32, 32, device="meta")
    draws = Draws(5, torch.zeros(8, dtype=torch.int64), torch.arange(8), images.device)
    seen = augmented(images, draws, [Operation(name, MAGNITUDES[name])])
    assert seen.device.type == "meta" and seen.shape == images.shape
