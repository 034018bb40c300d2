"""The weights before training under the names and in the orientation of those after it.

Names may differ by a wrapper in front (`model.`); a Linear [out, in] and GPT-2's Conv1D [in, out] are transposes of
each other, which reversed shapes tell, and of square weights their distance.
"""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weightscape.formats.layouts import Layout
from weightscape.formats.lazy_tensors import Cut
from weightscape.spectra.attention import layout_of
from weightscape.spectra.matrices import Known, layer_name
from weightscape.spectra.row import Tensors, shape_of

DOUBTFUL = "whole: other weights are stored transposed before, and of a square one this cannot be told"
CLEARLY = 0.5  # ratio of distances from which on one orientation is the right one
BLOCK = 256  # rows compared at a time
Shape = tuple[int, ...]


class Aligned(Cut):
    """The tensors before under names of those after; `transposed` ones are read as their transposes.

    `doubtful` square ones may be transposed, as others are, and are too far from those after to tell.
    """

    def __init__(
        self, tensors: Tensors, names: Mapping[str, str], transposed: frozenset[str], doubtful: Sequence[str] = ()
    ) -> None:
        self._tensors, self._names, self.transposed, self.doubtful = tensors, names, transposed, doubtful
        shapes = {name: shape_of(tensors, inner) for name, inner in names.items()}
        self.shapes = {name: _turned(shape) if name in transposed else shape for name, shape in shapes.items()}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`, without widening the others."""
        if name not in self.transposed:
            return entries(self._tensors, self._names[name], index)
        axes = [slice(None) if side is ... else side for side in (index if isinstance(index, tuple) else (index,))]
        *experts, rows, columns = [*axes, slice(None), slice(None)][: len(self.shapes[name])]
        return entries(self._tensors, self._names[name], (*experts, columns, rows)).swapaxes(-1, -2)


def entries(tensors: Tensors, name: str, index: Any) -> np.ndarray:
    """The entries of a tensor at `index`, without widening the others where the mapping can cut."""
    cut = getattr(tensors, "cut", None)
    return tensors[name][index] if cut is None else cut(name, index)


def _turned(shape: Shape) -> Shape:
    """The shape of the transpose of a matrix, or of each of several [experts, rows, columns]."""
    return (*shape[:-2], *shape[:-3:-1])


def aligned(
    after: Tensors, before: Tensors, keys: Sequence[str], experts: Collection[str] = ()
) -> tuple[Aligned, list[str]]:
    """`before` as `after` has it, and sentences on what was changed; `keys` are the weights, `experts` those of them
    that hold several matrices [experts, rows, columns].
    """
    names, notes = _names(after, before, keys)
    shapes = {key: (shape_of(after, key), shape_of(before, names[key])) for key in keys if key in names}
    shapes = {key: pair for key, pair in shapes.items() if len(pair[0]) == 2 or key in experts}
    turned = {key for key, (new, old) in shapes.items() if new != old and new == _turned(old)}
    squares = [key for key, (new, old) in shapes.items() if new == old == _turned(old)]
    reversed_ones = bool(turned)
    ratios = {key: _ratio(after, before, key, names[key]) for key in squares}
    turned |= {key for key, ratio in ratios.items() if ratio < CLEARLY}
    doubtful = [key for key, ratio in ratios.items() if reversed_ones and CLEARLY <= ratio <= 1 / CLEARLY]
    if turned:
        words = ", ".join(map(layer_name, sorted(turned)[:3]))
        notes.append(f"{len(turned)} weights are stored transposed before, as {words}: compared as their transposes")
    return Aligned(before, names, frozenset(turned), doubtful), notes


def with_layouts(known: Known, after: Tensors, before: Aligned) -> Known:
    """The same with the layouts of weights that only the names and shapes before, transposed, tell."""
    shapes = {name: shape_of(after, name) for name in after}
    layouts = dict(known.structure.layouts)
    for key in before.transposed & shapes.keys():
        old = before.shapes[key][::-1]
        layout = layout_of(layer_name(key), old, shapes, None)
        if layout is not None and layout_of(layer_name(key), shapes[key], shapes, known.heads) is None:
            layouts.setdefault(key, Layout(1 - layout.axis, layout.repeats, layout.pieces))
    remarks = {**dict.fromkeys(before.doubtful, DOUBTFUL), **known.remarks}
    return replace(known, structure=replace(known.structure, layouts=layouts), remarks=remarks)


def _names(after: Tensors, before: Tensors, keys: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The name in `before` of each tensor of `after`: the same, else that with one prefix more or less."""
    names = {key: key for key in after if key in before}
    lacking = [key for key in keys if key not in before]
    if not lacking:
        return names, []
    best: dict[str, str] = {}
    most, chosen, also = 0, ("", ""), ""
    for more, less in _prefixes(after, before):
        found = {key: less + key.removeprefix(more) for key in after if key not in names and key.startswith(more)}
        found = {key: name for key, name in found.items() if name in before and name not in names}
        alike = sum(_alike(after, before, key, name) for key, name in found.items())
        if alike > most:
            best, most, chosen, also = found, alike, (more, less), ""
        elif alike == most > 0 and not set(found.items()) <= set(best.items()):
            also = f" ({more or less} would do as well)"
    if not best:
        return names, []
    more, less = chosen
    return names | best, [f"names differ by a prefix: {more or 'none'} after is {less or 'none'} before{also}"]


def _prefixes(after: Tensors, before: Tensors) -> Iterator[tuple[str, str]]:
    """Pairs of openings, one of which is empty: of one or two words of a name."""
    for side, tensors in enumerate((after, before)):
        words = [name.split(".") for name in tensors]
        openings = {".".join(name[:count]) for name in words for count in (1, 2) if len(name) > count + 1}
        for opening in sorted(openings):
            yield (f"{opening}.", "") if side == 0 else ("", f"{opening}.")


def _alike(after: Tensors, before: Tensors, key: str, name: str) -> bool:
    new, old = shape_of(after, key), shape_of(before, name)
    return new == old or (len(new) == 2 and new == _turned(old))


def _ratio(after: Tensors, before: Tensors, key: str, name: str) -> float:
    """Distance of a square weight from the transpose of that before over that from itself; infinite for none."""
    straight = turned = 0.0
    *experts, side, _ = shape_of(after, key)
    for at, start in itertools.product(range(*experts or [1]), range(0, side, BLOCK)):
        one, rows = (slice(at, at + 1),) * len(experts), slice(start, start + BLOCK)
        ours, theirs = entries(after, key, (*one, rows)), entries(before, name, (*one, rows))
        across = entries(before, name, (*one, slice(None), rows)).swapaxes(-1, -2)
        if ours.dtype.kind != "f" or theirs.dtype.kind != "f":
            return math.inf
        with np.errstate(all="ignore"):
            straight += float(np.square(np.subtract(ours, theirs, dtype=np.float64)).sum())
            turned += float(np.square(np.subtract(ours, across, dtype=np.float64)).sum())
    return math.sqrt(turned / straight) if straight > 0 and math.isfinite(turned / straight) else math.inf
