"""The training items and the order in which a run draws them: batches that wait on the device.

A set that fits is held on the device as uint8; a larger one stays in its memory-mapped shards, and a thread gathers
the next batch into pinned memory while the device works on the present one.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from weightscape.seeds import seed

REAL, EXTRA, SYNTHETIC = 0, 1, 2
"""Origins of an item: the real training set, further real images, the generator."""


@dataclass(frozen=True)
class Mapped:
    """Images of memory-mapped shards, by item: `shard_of` and `row_of` int64 [n]."""

    shards: Sequence[np.ndarray]
    shard_of: np.ndarray
    row_of: np.ndarray

    def gather(self, rows: np.ndarray, pinned: bool) -> Tensor:
        """uint8 images [len(rows), c, h, w] in memory of the host."""
        batch = torch.empty((len(rows), *self.shards[0].shape[1:]), dtype=torch.uint8, pin_memory=pinned)
        for place, row in enumerate(rows):
            batch[place] = torch.from_numpy(np.array(self.shards[int(self.shard_of[row])][int(self.row_of[row])]))
        return batch


@dataclass(frozen=True)
class Items:
    """Training items: uint8 images [n, c, h, w] on the device or mapped; the rest, [n], is on the device.

    `origins` is one of REAL, EXTRA, SYNTHETIC; `sources` numbers the different images that the items refer to; `real`
    has the digests of the real training images, where some items are none.
    """

    images: Tensor | Mapped
    labels: Tensor
    true_labels: Tensor
    origins: Tensor
    sources: Tensor
    real: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the labels are, and where batches go."""
        return self.labels.device

    def description(self) -> dict[str, float]:
        """Counts and shares of the list, which a run's proof of action is held against."""
        return {
            "items": len(self),
            "unique_images": int(self.sources.unique().numel()),
            "synthetic_share": (self.origins == SYNTHETIC).float().mean().item(),
            "extra_share": (self.origins == EXTRA).float().mean().item(),
            "changed_labels": (self.labels != self.true_labels).float().mean().item(),
        }


def batch_rows(run_seed: int, step: int, batch: int, count: int) -> tuple[Tensor, Tensor]:
    """Rows and epochs of a step's items; each epoch is a permutation of its own, a batch may span two epochs."""
    places = torch.arange(step * batch, (step + 1) * batch)
    epochs = places // count
    rows = torch.empty_like(places)
    for epoch in epochs.unique().tolist():
        source = torch.Generator().manual_seed(seed("order", run_seed, epoch))
        order = torch.randperm(count, generator=source)
        chosen = epochs == epoch
        rows[chosen] = order[places[chosen] % count]
    return rows, epochs


def batches(items: Items, run_seed: int, steps: range, batch: int) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """(step, rows, epochs, stored uint8 images) of each step, all on the items' device."""
    drawn = ((step, *batch_rows(run_seed, step, batch, len(items))) for step in steps)
    if isinstance(items.images, Tensor):
        for step, rows, epochs in drawn:
            rows = rows.to(items.device)
            yield step, rows, epochs.to(items.device), items.images[rows]
        return
    pinned = items.device.type == "cuda"
    with ThreadPoolExecutor(1) as ahead:
        waiting = None
        for step, rows, epochs in drawn:
            coming = (step, rows, epochs, ahead.submit(items.images.gather, rows.numpy(), pinned))
            if waiting:
                yield _arrived(waiting, items.device)
            waiting = coming
        if waiting:
            yield _arrived(waiting, items.device)


def _arrived(waiting: tuple, device: torch.device) -> tuple[int, Tensor, Tensor, Tensor]:
    step, rows, epochs, images = waiting
    move = {"device": device, "non_blocking": True}
    return step, rows.to(**move), epochs.to(**move), images.result().to(**move)
