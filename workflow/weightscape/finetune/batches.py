"""The training items and the order in which a run draws them: batches that wait on the device.

A set that fits is held on the device as uint8; a larger one stays in its memory-mapped shards, and a thread gathers
the next batch into pinned memory while the device works on the present one.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from weightscape.assemble.loaded import Items
from weightscape.seeds import seed


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
