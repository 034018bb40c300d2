"""Progress: one line of (done, total, rate, time left) at most every few seconds in a log, a bar on a terminal.

The lines are read back by `weightscape status`.
"""

import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO, TypeVar

T = TypeVar("T")

LINE = re.compile(
    r"progress (?P<what>[\w -]+?): (?P<done>\d+)/(?P<total>\d+) (?P<unit>[\w ]+?), "
    r"(?P<rate>[\d.]+)/s, (?P<left>\d+) s left"
)


@dataclass
class Progress:
    """Counts work that is done and reports it; `interval` is the least time between two lines of a log, in seconds."""

    what: str
    total: int
    unit: str = "steps"
    interval: float = 2.0
    stream: TextIO | None = None

    def __post_init__(self) -> None:
        self.done = 0
        self.first = 0
        self.start = self.last = time.monotonic()

    def resume(self, done: int) -> None:
        """Start from work that an earlier attempt did; it does not count for the rate."""
        self.done = self.first = done

    def advance(self, count: int = 1) -> None:
        """Count `count` more units as done."""
        self.done += count
        now = time.monotonic()
        if self.done >= self.total or now - self.last >= self.interval:
            self.last = now
            self._report(now)

    def _report(self, now: float) -> None:
        stream = self.stream or sys.stderr
        rate = (self.done - self.first) / max(now - self.start, 1e-9)
        left = (self.total - self.done) / rate if rate > 0 else 0
        text = f"{self.done}/{self.total} {self.unit}, {rate:.1f}/s, {left:.0f} s left"
        if stream.isatty():
            filled = 24 * self.done // max(self.total, 1)
            end = "\n" if self.done >= self.total else ""
            print(f"\r{self.what} [{'#' * filled:<24}] {text}\x1b[K", end=end, file=stream, flush=True)
        else:
            print(f"progress {self.what}: {text}", file=stream, flush=True)


def track(items: Iterable[T], what: str, total: int, unit: str = "items") -> Iterator[T]:
    """Yield the items and report how many are done."""
    progress = Progress(what, total, unit)
    for item in items:
        yield item
        progress.advance()
