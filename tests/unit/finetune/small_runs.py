"""Runs of a few steps of a tiny network on random images."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from weightscape.assemble import loaded
from weightscape.augmentations.operations import Operation
from weightscape.finetune import training
from weightscape.finetune.seen import Seen
from weightscape.finetune.settings import (
    Action,
    Condition,
    FinetuneSettings,
    ItemShares,
    TrainingSettings,
    WeightDecay,
)
from weightscape.networks import building
from weightscape.networks.settings import InputSettings, NetworkSettings

MODEL = "test_resnet"
INPUT = InputSettings(32, (0.5,) * 3, (0.5,) * 3)
NEUTRAL = Action(
    operations=(),
    noise=0.0,
    dropout={"head": 0.0, "path": 0.0},
    weight_decay=WeightDecay(decay=0.0, coupled=False, head=True, norms=False),
    items=ItemShares(synthetic_share=0.0, extra_share=0.0, changed_labels=0.0, copies=0.0),
    mixing=None,
)
DECOUPLED = WeightDecay(decay=0.5, coupled=False, head=True, norms=False)
COUPLED = replace(DECOUPLED, coupled=True)
AFFINE = Operation("affine", {"degrees": 20, "translate": 0.1, "scale": 0.1, "shear": 5})
TRAINING = TrainingSettings(
    steps=8,
    batch_size=16,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="one_cycle",
    rise=0.3,
    betas=(0.9, 0.999),
    witness_every=1,
    history_every=2,
    checkpoint_minutes=0.0,
)
STEPS = TRAINING.steps


def acting(**changes: Any) -> Action:
    """An action that leaves all alone but what is given."""
    return replace(NEUTRAL, **changes)


def settings_of(act: Action, form: InputSettings = INPUT, **changes: Any) -> FinetuneSettings:
    """Settings of a run; `changes` are of the training loop, or `precision` and `compile`."""
    further = {name: changes.pop(name) for name in ("precision", "compile") if name in changes}
    return FinetuneSettings(
        condition=Condition("noise", "tiny", "family", "dose", 0),
        network=NetworkSettings(MODEL, form),
        batch_norm_momentum=None,
        training=replace(TRAINING, **changes),
        action=act,
        seed=4,
        **{"precision": "float32", "compile": False, **further},
    )


def items(count: int = 60) -> loaded.Items:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 255, (count, 1, 28, 28), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 3, count))
    return loaded.Items(images, labels, labels.clone(), torch.zeros(count, dtype=torch.int8), torch.arange(count))


def model(act: Action = NEUTRAL, seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    net = building.network(MODEL, 3, act.dropout)
    building.initialise_head(net, seed)
    return building.prepared(net, torch.device("cpu"))


def trained(
    act: Action = NEUTRAL, content: loaded.Items | None = None, settings: dict[str, Any] | None = None, **keywords: Any
) -> tuple[dict[str, np.ndarray], Seen, training.History]:
    net = keywords.pop("net", None) or model(act)
    history, seen = training.train(net, content or items(), settings_of(act, **settings or {}), **keywords)
    return building.tensors_of(net), seen, history


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)
