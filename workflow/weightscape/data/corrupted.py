"""Corrupted test images: an OOD split that is made from the clean shards of the split `test`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.data import corruptions, splits
from weightscape.data.settings import CorruptSettings
from weightscape.formats.shard_room import write_shard_in_parts
from weightscape.formats.shards import ImageSet, map_shard, shard_names
from weightscape.provenance.records import read_record

AT_ONCE = 32
"""Images that are corrupted in one piece, in float64."""


def write_corrupted(out: Path, settings: CorruptSettings, test: list[Path]) -> tuple[list[Path], dict[str, Any]]:
    """Write corrupted test images, in pieces; each image draws its own randomness in turn. Returns files and facts."""
    rng = np.random.default_rng(settings.seed)
    clean = [map_shard(path) for path in test]
    available = sum(map(len, clean))
    facts = read_record(test[0].parent / "manifest.json")["facts"]
    unreadable = facts.get("unreadable", {}).get("skipped", 0)
    count = min(splits.corrupted_count(settings.images, available + unreadable), available)
    bounds = np.linspace(0, count, settings.shards + 1).round().astype(int)
    paths = [out / name for name in shard_names(settings.shards)]
    labels = np.concatenate([shard.labels for shard in clean])[:count]
    for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True):
        pieces = (
            ImageSet(corruptions.corrupt(np.asarray(piece.images), settings.kind, settings.severity, rng), piece.labels)
            for piece in _between(clean, start, stop)
        )
        write_shard_in_parts(path, stop - start, clean[0].images.shape[1:], pieces)
    return paths, splits.facts(labels, facts["shape"], facts["classes"])


def _between(shards: list[ImageSet], start: int, stop: int) -> Iterator[ImageSet]:
    """The images `start` to `stop` of the shards one after the other, in small pieces."""
    first = 0
    for shard in shards:
        low, high = max(start - first, 0), min(stop - first, len(shard))
        for at in range(low, high, AT_ONCE):
            yield shard.take(slice(at, min(at + AT_ONCE, high)))
        first += len(shard)
