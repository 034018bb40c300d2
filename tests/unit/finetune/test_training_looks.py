"""How often training waits for its device."""

import sys
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from unit.finetune.small_runs import AFFINE, acting, trained
from weightscape.augmentations.operations import Operation
from weightscape.finetune.settings import Mixing

WAITS = ("_local_scalar_dense", "nonzero", "unique", "equal")


class Waits(TorchDispatchMode):
    """Counts the operations whose result the host reads."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(name in func.name() for name in WAITS)
        return func(*args, **(kwargs or {}))


class Copies(TorchFunctionMode):
    """Counts the copies to a device that the project's code makes and waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        named = any(isinstance(value, torch.device) for value in (*args[1:], *kwargs.values()))
        if named and func in (torch.Tensor.to, torch.tensor) and not kwargs.get("non_blocking"):
            self.count += sys._getframe(1).f_globals["__name__"].startswith("weightscape.")
        return func(*args, **kwargs)


CONDITIONS = {
    "affine": acting(operations=(AFFINE,), noise=0.1),
    "augmix": acting(operations=(Operation("augmix", {"severity": 3, "width": 2}),), noise=0.1),
    "autoaugment": acting(operations=(Operation("autoaugment", {"policy": "cifar10"}),)),
    "mixup": acting(mixing=Mixing("mixup", {"alpha": 1.0})),
    "float16": acting(dropout={"head": 0.4}),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_steps_without_a_look_wait_for_nothing(name: str) -> None:
    settings = {"witness_every": 100, "history_every": 100, "precision": "float16" if name == "float16" else "float32"}
    counts = []
    for steps in (8, 8, 16):  # the first makes the constants
        with Waits() as waits, Copies() as copies:
            trained(CONDITIONS[name], settings={**settings, "steps": steps})
        counts.append((waits.count, copies.count))
    assert counts[1] == counts[2]
