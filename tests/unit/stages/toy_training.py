"""A training set of noise and settings of a run of seconds, for the finetune program."""

from pathlib import Path

import numpy as np

from weightscape.assemble.items import listed
from weightscape.formats.shards import ImageSet, write_shards
from weightscape.formats.tables import write_table
from weightscape.formats.tensors import write_tensors
from weightscape.provenance.records import Origin, place, write_record

SETTINGS = {
    "condition": {"dataset": "noise", "backbone": "tiny", "family": "noise", "dose": "strong", "seed": 0},
    "network": {
        "model": "test_efficientnet", "input": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    },
    "batch_norm_momentum": 0.1, "precision": "float32", "compile": False,
    "training": {
        "steps": 120, "batch_size": 8, "optimizer": "adam",
        "learning_rate": 1e-3, "schedule": "one_cycle", "rise": 0.2, "betas": [0.9, 0.95],
        "witness_every": 1, "history_every": 2, "checkpoint_minutes": 0.0,
    },
    "action": {
        "operations": [], "noise": 0.1, "dropout": {"head": 0.0, "path": 0.0},
        "weight_decay": {"decay": 0.0, "coupled": False, "head": True, "norms": False},
        "items": dict.fromkeys(("synthetic_share", "extra_share", "changed_labels", "copies"), 0.0), "mixing": None,
    },
    "seed": 3,
}  # fmt: skip


def arguments(root: Path) -> list[str]:
    """A training set of noise, its item list and a network without weights, as arguments of the program."""
    folder = root / "1_data" / "noise" / "train"
    rng = np.random.default_rng(0)
    content = ImageSet(rng.integers(0, 256, (48, 1, 32, 32), np.uint8), np.arange(48) % 3)
    shards = write_shards(folder, content, 1)
    facts = {"classes": ["a", "b", "c"]}
    write_record(folder, Origin("data", {}, ""), shards, facts)
    items = root / "3_assemble" / "noise" / "real" / "items.parquet"
    write_table(items, listed(place(shards[0]), content.labels, "real", float("nan")))
    backbone = root / "1_data" / "backbones" / "none" / "weights.safetensors"
    write_tensors(backbone, {})
    paths = ("--items", str(items), "--data", str(folder / "manifest.json"), "--backbone", str(backbone))
    return list(paths)
