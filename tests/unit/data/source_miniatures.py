"""Blocks of the config for miniature sources, and the stage `data` run on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data.settings import DataSettings, SourcedShift, SourcedSplit, shift_of, source_of
from weightscape.formats.shards import read_shard
from weightscape.formats.typed import to_json
from weightscape.stages import data

IMAGE = {"size": 16, "channels": 3, "pixel_limit": 1_000_000}
SPLITS = {"train": "all", "val": 6, "test": "all", "extra": 6}


def block(source: str, **values: Any) -> dict[str, Any]:
    return {"source": source, "image": IMAGE, "classes": "all", "per_class": "all", "unreadable": 0.0} | values


def picture(code: int, size: int = 16) -> np.ndarray:
    """An image that tells which it is: all of one grey level, but for a white corner."""
    image = np.full((size, size, 3), code, np.uint8)
    image[-1, -1] = 255
    return image


def run(
    folder: Path,
    source: dict[str, Any],
    split: str,
    shards: int = 1,
    workers: int = 1,
    splits: Any = SPLITS,
    ood: Any = None,
    seed: int = 7,
) -> Any:
    """The stage `data` on one split: its images and its manifest."""
    images = SourcedSplit("sourced", source_of(source), splits, ())
    shift = ood and SourcedShift("sourced_shift", images.source, shift_of(ood), ())
    settings = to_json(DataSettings("d", split, shards, seed, shift or images))
    out = folder / "1_data" / "d" / split
    data.main(["--settings", json.dumps(settings), "--out", str(out), "--workers", str(workers)])
    record = json.loads((out / "manifest.json").read_text())
    parts = [read_shard(out / name) for name in sorted(record["outputs"])]
    for name, digest in record["outputs"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]), record


DOMAINS = ["real", "sketch"]


def cifar_block(root: Path | None) -> dict[str, Any]:
    parts = {"train": "train", "test": "test"}
    image = IMAGE | {"size": 32}
    return block("torchvision", name="CIFAR10", root=root and str(root), parts=parts, options={}, image=image)


def hub_block(path: Path, **more: Any) -> dict[str, Any]:
    columns = {"image": "img", "label": "kind", "domain": "style"}
    settings = {"path": str(path), "configuration": None, "revision": None, "columns": columns, "domain": "real"}
    return block("huggingface", parts={"train": "train", "test": None}, **settings) | more
