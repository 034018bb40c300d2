"""Runs of a few steps of a tiny network on random images."""

from typing import Any

import numpy as np
import torch

from weightscape.assemble import loaded
from weightscape.finetune import training
from weightscape.networks import building

MODEL = "test_resnet"
INPUT = {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
NEUTRAL = {
    "operations": [],
    "noise": 0.0,
    "dropout": {"head": 0.0, "path": 0.0},
    "weight_decay": {"decay": 0.0, "coupled": False, "head": True, "norms": False},
    "items": dict.fromkeys(("synthetic_share", "extra_share", "changed_labels", "copies"), 0.0),
}
DECOUPLED = {"decay": 0.5, "coupled": False, "head": True, "norms": False}
COUPLED = DECOUPLED | {"coupled": True}
AFFINE = {"name": "affine", "degrees": 20, "translate": 0.1, "scale": 0.1, "shear": 5}
SETTINGS = {
    "steps": 8,
    "batch_size": 16,
    "optimizer": "adam",
    "precision": "float32",
    "compile": False,
    "learning_rate": 1e-3,
    "schedule": "one_cycle",
    "rise": 0.3,
    "betas": [0.9, 0.999],
    "witness_every": 1,
    "history_every": 2,
    "checkpoint_every": 2,
}


def items(count: int = 60) -> loaded.Items:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 255, (count, 1, 28, 28), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 3, count))
    return loaded.Items(images, labels, labels.clone(), torch.zeros(count, dtype=torch.int8), torch.arange(count))


def model(act: dict[str, Any] = NEUTRAL, seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    net = building.network(MODEL, 3, act["dropout"])
    building.initialise_head(net, seed)
    return building.prepared(net, torch.device("cpu"))


def trained(
    act: dict[str, Any] = NEUTRAL, content: loaded.Items | None = None, **keywords: Any
) -> tuple[dict[str, np.ndarray], dict[str, float], list]:
    net = keywords.pop("net", None) or model(act)
    settings = {**SETTINGS, **keywords.pop("settings", {})}
    history, seen = training.train(net, content or items(), settings, act, INPUT, run_seed=4, **keywords)
    return building.tensors_of(net), seen, history


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)
