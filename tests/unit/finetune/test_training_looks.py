"""How often training waits for its device."""

from typing import Any

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from unit.finetune.small_runs import AFFINE, acting, trained
from weightscape.augmentations.operations import Operation

WAITS = ("_local_scalar_dense", "nonzero", "unique", "equal")


class Waits(TorchDispatchMode):
    """Counts the operations whose result the host reads."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(name in func.name() for name in WAITS)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "operation",
    [AFFINE, Operation("augmix", {"severity": 3, "width": 2}), Operation("autoaugment", {"policy": "cifar10"})],
    ids=lambda operation: operation.name,
)
def test_steps_without_a_look_wait_for_nothing(operation: Operation) -> None:
    act, counts = acting(operations=(operation,), noise=0.1), []
    for steps in (8, 16):
        with Waits() as waits:
            trained(act, settings={"steps": steps, "witness_every": 100, "history_every": 100})
        counts.append(waits.count)
    assert counts[0] == counts[1]
