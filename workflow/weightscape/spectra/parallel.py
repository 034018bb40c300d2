"""Shares the matrices of a network among threads, each with one BLAS thread.

Threads suffice: LAPACK calls and our own native ones release the interpreter, and memory-mapped weights are shared. The
BLAS limit holds for one worker too, so that results do not depend on the number of workers.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, TypeVar

import scipy.linalg  # noqa: F401  (brings its own OpenBLAS, which the limit reaches only if it is loaded before)
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


class Share(Protocol):
    """Runs `work` of every item, on this thread or on others too; the results in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]: ...


def alone(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Runs `work` of every item on this thread."""
    return [work(item) for item in items]


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """Threads for large tasks that may share their own parts with those that have nothing left to do."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count) if count > 1 else None

    def __enter__(self) -> "Workers":
        self._limits = threadpool_limits(limits=1, user_api="blas")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=error is not None)
        self._limits.restore_original_limits()

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """`work` of every item, begun in the order of the items; called from outside of the threads."""
        if self._pool is None:
            return alone(work, items)
        return [future.result() for future in [self._pool.submit(work, item) for item in items]]

    def share(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The same inside a task: this thread works too, others help once no further task is waiting."""
        if self._pool is None or len(items) < 2:
            return alone(work, items)
        futures = [self._pool.submit(work, item) for item in items]
        backwards = range(len(items) - 1, -1, -1)  # the others take them from the front
        own = {at: work(items[at]) for at in backwards if futures[at].cancel()}
        return [own[at] if at in own else future.result() for at, future in enumerate(futures)]
