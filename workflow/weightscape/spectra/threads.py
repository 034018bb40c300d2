"""Work on many parts at once, largest first, with one BLAS thread each.

Threads suffice: LAPACK calls release the interpreter, and memory-mapped weights are shared. The BLAS limit
holds for one worker too, so that results do not depend on the number of workers.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def largest_first(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    cost: Callable[[Item], float],
    workers: int,
    progress=None,
) -> list[Result]:
    """`work` of every item, started in the order of falling cost, returned in the order given."""

    def one(item: Item) -> Result:
        result = work(item)
        if progress is not None:
            progress.advance()
        return result

    order = sorted(range(len(items)), key=lambda index: -cost(items[index]))
    with threadpool_limits(limits=1, user_api="blas"):
        if workers <= 1:
            done = [one(items[index]) for index in order]
        else:
            with ThreadPoolExecutor(workers) as pool:
                done = list(pool.map(lambda index: one(items[index]), order))
    results: list[Result] = [done[0]] * len(items) if done else []
    for index, result in zip(order, done, strict=True):
        results[index] = result
    return results
