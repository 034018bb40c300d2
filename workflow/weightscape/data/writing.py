"""From a pool to shards on disk in bounded memory: images are read, brought into one form and written part by part.

Files are decoded by several processes at a time, of which each holds one batch. An image that cannot be read is
named and left out, as long as their share stays within a limit; then an error names the first of them.
"""

import functools
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from weightscape.data import sources, splits
from weightscape.data.decoding import DARK, Faults, Form, Unreadable, decode_many, from_arrays, from_picture
from weightscape.data.pools import Pool, unread
from weightscape.data.settings import DataSettings, SourcedShift, SourcedSplit
from weightscape.errors import UserError
from weightscape.formats.shard_room import Room, write_shard_in_room
from weightscape.formats.shards import map_shard, shard_names
from weightscape.progress import Progress

BATCH_BYTES = 4_000_000  # pixels of one batch; a few batches per process are in memory
AHEAD = 3  # batches per process that are read before they are written
WORTH = 1000  # files from which on further processes are worth their start
BATCH = 256  # images that are looked at together
NAMED = 100  # unreadable images whose names are recorded


@dataclass
class Reading:
    """The outcome of reading a pool: its labels, and the images that could not be read."""

    total: int  # images of the whole set: in a small split one fault may be a large share
    limit: float  # share of these
    labels: list[np.ndarray] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    skipped: int = 0

    def skip(self, name: str, reason: str) -> None:
        """Note an unreadable image; too many of them are a `UserError`."""
        self.skipped += 1
        if len(self.unreadable) < NAMED:
            self.unreadable[name] = reason
        print(f"unreadable: {name}: {reason}", flush=True)
        if self.skipped > self.limit * self.total:
            raise UserError(
                f"{self.skipped} of the {self.total} images of the set cannot be read, but `unreadable` is "
                f"{self.limit}; the first is {next(iter(self.unreadable))} ({next(iter(self.unreadable.values()))}): "
                "mend or remove them, or raise the limit"
            )

    def facts(self) -> dict[str, object]:
        """For the manifest."""
        return {
            "skipped": self.skipped,
            "of": self.total,
            "limit": self.limit,
            "names": dict(sorted(self.unreadable.items())),
        }


def write_pool(
    folder: Path, pool: Pool, form: Form, shards: int, *, limit: float = 0.0, workers: int = 1
) -> tuple[list[Path], Reading]:
    """Write the images of a pool, in order, as `shards` nearly equal files; their paths and what became of them."""
    count = len(pool.labels)
    bounds = np.linspace(0, count, shards + 1).round().astype(int)
    paths = [folder / name for name in shard_names(shards)]
    reading = Reading(pool.whole or count, limit)
    progress = Progress("data", count, "images")
    many = pool.encoded is not None and workers > 1 and count >= WORTH
    with ProcessPoolExecutor(workers, get_context("spawn")) if many else nullcontext() as executor:
        decoding = Decoding(form, executor, AHEAD * workers)
        for path, start, stop in zip(paths, bounds[:-1], bounds[1:], strict=True):
            rows = np.arange(start, stop)
            fill = functools.partial(
                _filled, pool=pool, rows=rows, decoding=decoding, reading=reading, progress=progress
            )
            if write_shard_in_room(path, stop - start, form.shape, fill) == 0 and stop > start:
                raise UserError(f"not one image of {path.name} can be read: see the log for the reasons")
    return paths, reading


@dataclass(frozen=True)
class Decoding:
    """The form of the images, and the processes that decode, if any, with at most `ahead` batches at a time."""

    form: Form
    executor: Executor | None
    ahead: int


def _filled(
    room: Room, pool: Pool, rows: np.ndarray, decoding: Decoding, reading: Reading, progress: Progress
) -> Iterator[tuple[int, np.ndarray]]:
    """Put the images of some rows of a pool into a shard, in batches; where each begins there, and its labels."""
    size = max(1, BATCH_BYTES // math.prod(decoding.form.shape))
    for first, faults in _ahead(room, pool, rows, size, decoding):
        batch = rows[first : first + size]
        readable = np.ones(len(batch), bool)
        for place, reason in faults:
            readable[place] = False
            reading.skip(pool.name(int(batch[place])), reason)
        labels = pool.labels[batch][readable]
        reading.labels.append(labels)
        progress.advance(len(batch))
        yield first, labels


def _ahead(room: Room, pool: Pool, rows: np.ndarray, size: int, decoding: Decoding) -> Iterator[tuple[int, Faults]]:
    """The first row of each batch and its faults, in order, once its images lie in the shard.

    With further processes, at most `ahead` batches are read ahead, and whoever decodes an image also writes it: passing
    it to another process costs a tenth of what decoding costs.
    """
    firsts, form, executor = range(0, len(rows), size), decoding.form, decoding.executor
    if executor is None or pool.encoded is None:
        for first in firsts:
            images, faults = _read(pool, rows[first : first + size], form)
            room.put(first, images)
            yield first, faults
        return
    waiting: deque[tuple[int, Future[Faults]]] = deque()
    for first in firsts:
        files = list(pool.encoded(rows[first : first + size]))
        waiting.append((first, executor.submit(_decode_into, room, first, files, form)))
        if len(waiting) >= decoding.ahead:
            done, future = waiting.popleft()
            yield done, future.result()
    for done, future in waiting:
        yield done, future.result()


def _decode_into(room: Room, row: int, batch: list[bytes | str], form: Form) -> Faults:
    """Decode a batch, and write what can be read into the shard from `row` on."""
    images, faults = decode_many(batch, form)
    room.put(row, images)
    return faults


def _read(pool: Pool, batch: np.ndarray, form: Form) -> tuple[np.ndarray, Faults]:
    if pool.pixels is not None:
        return from_arrays(pool.pixels(batch), form)
    if pool.encoded is not None:
        return decode_many(list(pool.encoded(batch)), form)
    assert pool.picture is not None
    images, faults = [], []
    for place, row in enumerate(batch):
        try:
            images.append(from_picture(pool.picture(int(row)), form))
        except (Unreadable, OSError, SyntaxError, ValueError) as error:
            faults.append((place, str(error)))
    return np.stack(images) if images else np.empty((0, *form.shape), np.uint8), faults


def write_split(out: Path, settings: DataSettings, workers: int) -> tuple[list[Path], dict[str, object]]:
    """Write a split of a source that `sources` opens; its files and facts."""
    images = settings.images
    assert isinstance(images, SourcedSplit | SourcedShift)
    source = images.source
    form = sources.form_of(source)
    if isinstance(images, SourcedShift):
        pool = sources.shifted(source, images.shift, settings.seed)
    else:
        pool = sources.pool_of(source, settings.split, images.splits, settings.seed)
    paths, reading = write_pool(out, pool, form, settings.shards, limit=source.unreadable, workers=workers)
    _check_brightness(paths, settings.split)
    labels = np.concatenate([np.empty(0, np.int64), *reading.labels])
    for sentence in unread(pool.left_out):
        print(f"left out: {sentence}", flush=True)
    facts = splits.facts(labels, form.shape, pool.classes) | {
        "unreadable": reading.facts(),
        "left_out": {reason: len(names) for reason, names in pool.left_out.items()},
    }
    lost = [name for label, name in enumerate(pool.classes) if not (labels == label).any()]
    if settings.split == "train" and lost:
        raise UserError(
            f"no image to train on of class {lost[0]!r} can be read ({len(lost)} of {len(pool.classes)} classes): mend "
            "its files, or leave it out by `classes`"
        )
    return paths, facts


def _check_brightness(shards: list[Path], split: str) -> None:
    """Stop if no pixel of a split is brighter than `DARK`: its numbers have another range than their type."""
    brightest = -1
    for shard in map(map_shard, shards):
        for first in range(0, len(shard), BATCH):
            brightest = max(brightest, int(shard.images[first : first + BATCH].max()))
            if brightest > DARK:
                return
    if brightest >= 0:
        raise UserError(
            f"no pixel of the split {split!r} is brighter than {brightest} of 255 grey levels: its images hold other "
            "numbers than their type says, as 0 and 1, or 8 or 12 bits in 16; save them from 0 to 255 (or to 65535)"
        )
