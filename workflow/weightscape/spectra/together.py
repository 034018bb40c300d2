"""Eigenvalues of all matrices of a network at once, by the native routines: bands first, then bands of like sides."""

from collections.abc import Callable, Sequence

import numpy as np

from weightscape.spectra.matrices import Part
from weightscape.spectra.parallel import Workers
from weightscape.spectra.row import Unmeasurable
from weightscape.spectra.two_stage import Slice, TwoStage, joined

Name = tuple[str, str]
"""Of a matrix (`before`, `after`, `delta`) and of a part."""


def eigenvalues(
    native: TwoStage,
    tasks: Sequence[tuple[str, Part]],
    read: Callable[[Part, str], np.ndarray],
    workers: Workers,
    done: Callable[[str], None],
) -> dict[Name, np.ndarray]:
    """[slices, M] eigenvalues of each part and matrix that can be read; the costliest come first.

    `done` is called with the matrix after each task. Between the two stages a matrix of side M takes M x (lanes + 1)
    numbers, one in a thousand of a large one.
    """

    def reduce(task: tuple[str, Part]) -> list[Slice]:
        matrix, part = task
        try:
            return native.reduced(read(part, matrix), workers.share)
        except Unmeasurable:
            return []
        finally:
            done(matrix)

    order = sorted(tasks, key=lambda task: -task[1].cost)
    reduced = dict(zip(order, workers.each(reduce, order), strict=True))
    waiting = [item for slices in reduced.values() for item in slices if item.band is not None]
    waiting.sort(key=lambda item: -item.side)
    starts = range(0, len(waiting), native.together)
    workers.each(native.finish, [waiting[start : start + native.together] for start in starts])
    found = {(matrix, part.name): joined(slices) for (matrix, part), slices in reduced.items() if slices}
    return {name: values for name, values in found.items() if np.isfinite(values).all()}
