"""Parts of a shard that is being made, kept beside it: an interrupted job goes on from the last whole one.

A part is a file `checkpoint.{shard}.{first}.safetensors` with the images of a stretch of the shard's members from
number `first` on. Parts end where batches end, so that the batches after an interruption are those of an undisturbed
job. A part of another identity (settings, code, inputs, kind of device) or one that is not whole is made anew.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from weightscape.errors import Stopped
from weightscape.formats.shards import ImageSet
from weightscape.formats.tensors import write_tensors
from weightscape.progress import Progress

SECONDS = 60.0  # work that is kept in memory alone


@dataclass(frozen=True)
class Batch:
    """Images, the index of each within its class, and how many that were asked for were black."""

    content: ImageSet
    indices: np.ndarray
    refused: int = 0

    @property
    def asked(self) -> int:
        """How many members of the shard it covers."""
        return len(self.content) + self.refused


@dataclass(frozen=True)
class Work:
    """How many members a shard has, and the function from a member's number to the batches from there on.

    `acts` tells how much each setting of the recipe changes an image, in grey levels; it is empty if that is not asked.
    """

    total: int
    batches: Callable[[int], Iterator[Batch]]
    acts: Mapping[str, int] = field(default_factory=dict)


def joined(batches: list[Batch]) -> Batch:
    """Batches as one; there must be at least one."""
    images = np.concatenate([batch.content.images for batch in batches])
    labels = np.concatenate([batch.content.labels for batch in batches])
    indices = np.concatenate([batch.indices for batch in batches])
    return Batch(ImageSet(images, labels), indices, sum(batch.refused for batch in batches))


def collected(work: Work, parts: "Parts", stopped: Callable[[], bool]) -> Batch:
    """Collect all members of a shard, kept or still to be made; once `stopped()`, save them and raise `Stopped`."""
    progress = Progress("generate", work.total, "images")
    made = parts.read()
    progress.resume(sum(part.asked for part in made))
    for batch in work.batches(progress.done):
        made.append(batch)
        progress.advance(batch.asked)
        stop = stopped()
        parts.keep(batch, at_once=stop)
        if stop:
            raise Stopped
    return joined(made)


class Parts:
    """The parts of one shard, by the path of the shard and a digest of all that decides its images."""

    def __init__(self, shard: Path, identity: str) -> None:
        self.shard = shard
        self.identity = identity
        self.saved = 0
        self.waiting: list[Batch] = []
        self.last = time.monotonic()

    def path(self, first: int) -> Path:
        """Where the part lies that begins with the member of this number."""
        return self.shard.with_name(f"checkpoint.{self.shard.stem}.{first:08d}.safetensors")

    def read(self) -> list[Batch]:
        """The parts that follow each other from the first member on."""
        parts: list[Batch] = []
        while (part := self._part(self.path(self.saved))) is not None:
            parts.append(part)
            self.saved += part.asked
        if parts:
            print(f"{self.saved} images of an interrupted job are kept", flush=True)
        return parts

    def keep(self, batch: Batch, at_once: bool = False) -> None:
        """Save the batch with those that wait, if they have waited long enough."""
        self.waiting.append(batch)
        if at_once or time.monotonic() - self.last >= SECONDS:
            part = joined(self.waiting)
            tensors = {"images": part.content.images, "labels": part.content.labels, "indices": part.indices}
            write_tensors(self.path(self.saved), tensors, {"identity": self.identity, "refused": str(part.refused)})
            self.saved += part.asked
            self.waiting, self.last = [], time.monotonic()

    def remove(self) -> None:
        """Delete every part: the shard is whole."""
        for path in self.shard.parent.glob(f"checkpoint.{self.shard.stem}.*.safetensors"):
            path.unlink(missing_ok=True)

    def _part(self, path: Path) -> Batch | None:
        """A part from its file; None, with a printed reason, where there is none to go on from."""
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                if metadata.get("identity") == self.identity:
                    images, labels, indices = (file.get_tensor(name) for name in ("images", "labels", "indices"))
                    return Batch(ImageSet(images, labels), indices, int(metadata["refused"]))
            print(f"{path} is of other settings, inputs or code: ignored, its images are made anew", flush=True)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            print(f"{path} cannot be read ({error}): ignored, its images are made anew", flush=True)
        return None
