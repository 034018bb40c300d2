"""The matrices inside a state dict, inferred from names and shapes, and from what is known of the network.

Conventions: Linear [out, in], Embedding [items, width], convolutions [out, in / groups, *kernel] as one matrix [out /
groups, in / groups] for each kernel position and group, experts [experts, rows, columns] as one matrix each, fused
attention weights cut as `attention` knows them. A layer is named by its key without the ending `.weight`.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from weightscape.formats.layouts import Layout, Piece, Structure
from weightscape.spectra import attention, convolutions
from weightscape.spectra.names import Kind, bias_of, is_of_experts, kind_of

WHOLE = "weight"  # the part of a tensor that holds one matrix
DEPTHWISE = "depthwise: slices of one row have no spectrum"
ONE_ROW = "one row: no spectrum"
FACTOR = "reparametrised: what is stored is not the weight that the network uses"
NOT_FLOAT = "not floating-point: quantised weights, sparse tensors and whole numbers are not measured"
QUANTISED = "quantised weights are not measured: their scales are stored apart"
STACKED = "whole: experts stand in one matrix, and their number is not known"
DOUBTED = (
    "whole: read as a convolution of kernel {kernel}; experts, bilinear weights and channels that stand last look alike"
)

_EMBEDDING_WORDS = ("embed", "embedding", "embeddings", "wte", "wpe")
_CONVOLUTIONS = {3: "conv1d", 4: "conv2d", 5: "conv3d"}
_LONGEST = {3: 16, 5: 8}  # kernel, by axes, that is not doubted: in one dimension, and in time beside space
_FEW = 4  # channels of what is no hidden layer
_PATCH = 7  # side of a kernel that may exceed the channels
_BILINEAR = re.compile(r"bilinear|biaffine", re.IGNORECASE)
_MIXERS = "routing_fn.weight"  # beside the flattened experts of a conditional convolution
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Known:
    """Facts about a network beyond its state dict: structure, heads of attention, and number of experts.

    `groups` are those of convolutions by the name of a module around them; `remarks` are what rows of a tensor say
    instead of "ok", by key.
    """

    structure: Structure = field(default_factory=Structure)
    heads: attention.Heads | None = None
    experts: int | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)

    def groups_of(self, key: str) -> int | None:
        """The groups of a convolution, if they are known."""
        named = (self.groups.get(word) for word in reversed(key.split(".")))
        return self.structure.groups.get(key) or next((count for count in named if count), None)


NOTHING_MORE = Known()


@dataclass(frozen=True)
class Cut:
    """The place of a matrix in its tensor: `start:stop` of each of `repeats` equal ranges along `axis`."""

    axis: int = 0
    start: int = 0
    stop: int | None = None
    repeats: int = 1

    def index(self, shape: Shape) -> tuple[slice | np.ndarray, ...]:
        """The same as numpy takes it, for a tensor of this shape."""
        before = [slice(None)] * self.axis
        if self.repeats == 1:
            return (*before, slice(self.start, self.stop))
        places = np.arange(shape[self.axis]).reshape(self.repeats, -1)
        return (*before, places[:, self.start : self.stop].ravel())


@dataclass(frozen=True)
class Part:
    """One matrix of a weight tensor, or the pooled slices of a convolution.

    `cut` is its place in the tensor of this `shape`; `rows` x `columns` the shape of one slice, `slices` their number,
    `groups` those of a convolution; `status` is "ok" or why no spectrum is taken, `remark` what a measured row says
    instead of "ok".
    """

    key: str
    shape: Shape
    layer: str
    part: str
    kind: str
    cut: Cut
    rows: int
    columns: int
    slices: int
    groups: int = 1
    status: str = "ok"
    remark: str = ""

    @property
    def name(self) -> str:
        """Layer and part, as in the names of eigenvalues and vectors."""
        return f"{self.layer}/{self.part}"

    @property
    def larger(self) -> int:
        """N, the larger side."""
        return max(self.rows, self.columns)

    @property
    def smaller(self) -> int:
        """M, the smaller side."""
        return min(self.rows, self.columns)

    @property
    def cost(self) -> int:
        """Work of its spectrum, up to a constant: slices x N x M^2."""
        return self.slices * self.larger * self.smaller**2

    def at(self, shape: Shape) -> "Part":
        """The same part of a tensor of another shape; itself if that has no such part."""
        if shape == self.shape:
            return self
        return next((other for other in parts({self.key: shape}) if other.part == self.part), self._scaled(shape))

    def _scaled(self, shape: Shape) -> "Part":
        """The same part where the whole tensor is longer or shorter along the axis of the cut alone."""
        axis, stop = self.cut.axis, self.cut.stop
        sides = [(new, old) for at, (new, old) in enumerate(zip(shape, self.shape, strict=False)) if at != axis]
        if stop is None or len(shape) != len(self.shape) or any(new != old for new, old in sides):
            return self
        if self.part.startswith("expert") and len(shape) > 2:
            return self
        start, end, length = (edge * shape[axis] for edge in (self.cut.start, stop, stop - self.cut.start))
        if any(edge % self.shape[axis] for edge in (start, end)):
            return self
        size = self.cut.repeats * length // self.shape[axis]
        cut = replace(self.cut, start=start // self.shape[axis], stop=end // self.shape[axis])
        rows, columns = (size, self.columns) if axis == 0 else (self.rows, size)
        return replace(self, shape=shape, cut=cut, rows=rows, columns=columns)

    @property
    def index(self) -> tuple[slice | np.ndarray, ...]:
        """Where it is in the tensor."""
        return self.cut.index(self.shape)

    def stacked(self, selected: np.ndarray) -> np.ndarray:
        """The slices [slices, rows, columns] of what stands at `index`, as a view where possible."""
        if selected.ndim == 2:
            return selected[None]
        if self.part.startswith("expert"):
            return selected
        flat = selected.reshape(self.groups, -1, selected.shape[1], math.prod(selected.shape[2:]))
        return np.moveaxis(flat, 3, 0).reshape(self.slices, self.rows, self.columns)


def layer_name(key: str) -> str:
    """The layer of a key: `blocks.0.attn.qkv.weight` is `blocks.0.attn.qkv`."""
    return key.removesuffix(".weight")


def parts(shapes: Mapping[str, Shape], known: Known = NOTHING_MORE) -> list[Part]:
    """All parts of all weights, in the order of the state dict."""
    every = [part for key in shapes for part in _parts_of(key, shapes, known)]
    twice = {key for key in shapes if layer_name(key) != key and layer_name(key) in shapes}
    every = [replace(part, layer=part.key) if part.key in twice else part for part in every]
    return [replace(part, remark=known.remarks.get(part.key, part.remark)) for part in every]


def without_row(shapes: Mapping[str, Shape], known: Known = NOTHING_MORE) -> dict[str, int]:
    """Tensors that hold values and have no row, with their number of values."""
    sizes = {key: math.prod(shape) for key, shape in shapes.items()}
    return {key: size for key, size in sizes.items() if size and kind_of(key, shapes, known.experts) is Kind.OTHER}


def _parts_of(key: str, shapes: Mapping[str, Shape], known: Known) -> list[Part]:
    kind, shape = kind_of(key, shapes, known.experts), tuple(shapes[key])
    if kind is Kind.OTHER:
        return []
    if key in known.structure.remade:
        kind = Kind.FACTOR
    if kind in (Kind.QUANTISED, Kind.FACTOR):
        return [_unmeasured(key, shape, QUANTISED if kind is Kind.QUANTISED else FACTOR)]
    if kind is Kind.EXPERTS:
        return [_matrix(key, shape, f"expert{at}", Cut(0, at, at + 1), shape[1:]) for at in range(shape[0])]
    if kind is Kind.STACKED:
        return _stacked_experts(key, shape, known)
    layer = layer_name(key)
    layout = known.structure.layouts.get(key) or attention.layout_of(layer, shape, shapes, known.heads)
    if layout is not None and layout.fits(shape):
        return list(_pieces(key, shape, layout))
    if len(shape) > 2:
        part = _convolution(key, shapes, known)
        is_fused = part.slices == 1 and part.status == "ok" and attention.is_fused(layer)
        return [replace(part, remark=part.remark or attention.UNKNOWN) if is_fused else part]
    remark = attention.UNKNOWN if attention.is_fused(layer) else ""
    if f"{layer.rpartition('.')[0]}.{_MIXERS}".lstrip(".") in shapes and ".conv" in f".{layer}":
        remark = STACKED
    return [_matrix(key, shape, WHOLE, Cut(), shape, remark)]


def _pieces(key: str, shape: Shape, layout: Layout) -> Iterable[Part]:
    start = 0
    for piece in layout.pieces:
        cut = Cut(layout.axis, start, start + piece.length, layout.repeats)
        sides = [layout.repeats * piece.length if at == layout.axis else shape[at] for at in (0, 1)]
        yield _matrix(key, shape, piece.name, cut, tuple(sides))
        start += piece.length


def _stacked_experts(key: str, shape: Shape, known: Known) -> list[Part]:
    """Experts below each other in one bare matrix [experts x rows, width], if their number and the width are known.

    Those that stand side by side are cut into columns by some networks, and by Megatron read in the order of memory.
    """
    width = None if known.heads is None else known.heads.width
    is_layer, is_below = key.endswith("weight"), shape[0] != width == shape[1]
    if known.experts is None or shape[0] % known.experts or is_layer or not is_below:
        return [_matrix(key, shape, WHOLE, Cut(), shape, STACKED)]
    rows = shape[0] // known.experts
    pieces = Layout(0, 1, tuple(Piece(f"expert{at}", rows) for at in range(known.experts)))
    return list(_pieces(key, shape, pieces))


def _matrix(key: str, shape: Shape, name: str, cut: Cut, sides: Shape, remark: str = "") -> Part:
    """One matrix with these sides; a fused 1 x 1 convolution keeps its name as such."""
    kind = "linear" if len(shape) == 2 or name.startswith("expert") else _CONVOLUTIONS[len(shape)]
    modules = layer_name(key).lower().replace("_", ".").split(".")
    if kind == "linear" and any(word in _EMBEDDING_WORDS for word in modules[-2:]):
        kind = "embedding"
    slices = math.prod(shape[2:]) if kind in _CONVOLUTIONS.values() else 1
    status = ONE_ROW if min(sides) == 1 else "ok"
    return Part(key, shape, layer_name(key), name, kind, cut, sides[0], sides[1], slices, 1, status, remark)


def _convolution(key: str, shapes: Mapping[str, Shape], known: Known) -> Part:
    shape = tuple(shapes[key])
    groups, remark = known.groups_of(key) or convolutions.groups_by_bias(key, shapes), ""
    if groups is None or shape[0] % groups:
        groups = 1
        if shape[1] > 1 and convolutions.may_be_grouped(key, shapes):
            remark = convolutions.UNKNOWN.format(count=shape[1])
        if is_of_experts(key):
            remark = STACKED
        elif key in known.structure.others or _is_doubtful(key, shapes):
            remark = DOUBTED.format(kernel=" x ".join(map(str, shape[2:])))
        elif convolutions.may_be_standardised(key, shapes):
            remark = convolutions.STANDARDISED
    rows, columns, positions = shape[0] // groups, shape[1], math.prod(shape[2:])
    kind, status = _CONVOLUTIONS[len(shape)], "ok"
    if columns == 1 and positions > 1:
        kind, status, groups = "depthwise", DEPTHWISE, 1
        rows = shape[0]
    elif min(rows, columns) == 1:
        status = ONE_ROW
    layer, slices = layer_name(key), groups * positions
    return Part(key, shape, layer, WHOLE, kind, Cut(), rows, columns, slices, groups, status, remark)


def _is_doubtful(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether what is read as [out, in, *kernel] may be another operator, by its kernel, bias or name.

    Conditional convolutions have [experts, out, in], graphs [relations, in, out], bilinear layers [out, in, in], those
    of MLX [out, *kernel, in], and others [*kernel, in, out].
    """
    shape, bias, word = tuple(shapes[key]), bias_of(key, shapes), key.rpartition(".")[2]
    if _has_channels_last(shapes, len(shape)):
        return True
    named = len(shape) == 3 and "conv" in key
    long = shape[2] > _LONGEST.get(len(shape), shape[2]) and shape[2] not in shape[3:]
    square = len(shape) == 3 and (shape[2] >= shape[1] > _FEW or (shape[1] == shape[2] > 1 and bias != shape[:1]))
    *leading, height, width = shape
    last = len(shape) > 3 and leading[-1] == height != width
    patch = height == width <= _PATCH
    first = len(shape) > 3 and len(set(leading)) == 1 and shape[0] < max(height, width) and not patch
    others = len(bias) > 1 or (len(shape) == 3 and bias == shape[2:] != shape[:1]) or bool(_BILINEAR.search(key))
    return (not named and (long or square)) or last or first or others or (word != "weight" and "conv" not in word)


def _has_channels_last(shapes: Mapping[str, Shape], axes: int) -> bool:
    """Whether the kernels of a network, in weights of so many axes, are as long as its layers are wide, as of MLX."""
    made = {shape[0] for shape in shapes.values() if len(shape) > 1}
    alike = [shape for key, shape in shapes.items() if len(shape) == axes and "conv" in key]
    if any(shape[1] > _LONGEST[3] >= shape[-1] for shape in alike):
        return False
    return any(shape[-1] > _LONGEST[3] and shape[-1] in made and shape[-2] == shape[1] > 1 for shape in alike)


def _unmeasured(key: str, shape: Shape, status: str) -> Part:
    """The row of a tensor that is no weight by itself; its sides are those that are stored."""
    rows, columns = (*shape[:2], 1, 1)[:2]
    kind = _CONVOLUTIONS.get(len(shape), "linear")
    slices = math.prod(shape[2:]) if len(shape) > 2 else 1
    return Part(key, shape, layer_name(key), WHOLE, kind, Cut(), rows, columns, slices, 1, status)


def tied(tensors: Mapping[str, np.ndarray], keys: Iterable[str], first: Iterable[str] = ()) -> dict[str, str]:
    """Keys whose tensor is stored under an earlier key too, with that key; those of `first` come before all others.

    Constant tensors (zero-initialised, say) are tied only if they are the same memory.
    """
    seen: dict[tuple, list[str]] = {}  # names alone: a tensor may be widened each time that it is read
    repeated: dict[str, str] = {}
    preferred = set(first)
    for key in sorted(keys, key=lambda key: key not in preferred):
        group = seen.setdefault(_fingerprint(tensors, key), [])
        twin = next((name for name in group if _same(tensors[key], tensors[name])), None)
        if twin is None:
            group.append(key)
        else:
            repeated[key] = twin
    return repeated


def _fingerprint(tensors: Mapping[str, np.ndarray], key: str) -> tuple:
    """Shape and first entries, of which no more is read where the mapping can cut."""
    cut = getattr(tensors, "cut", None)
    tensor = tensors[key] if cut is None else cut(key, slice(0, 1))
    shape = tensor.shape if cut is None else tensors.shapes[key]  # pyright: ignore[reportAttributeAccessIssue]
    return shape, tensor.dtype.str, tensor[:1].reshape(-1)[:16].tobytes()


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one is other or one.__array_interface__["data"] == other.__array_interface__["data"]:
        return True
    return bool((one != one.flat[0]).any()) and np.array_equal(one, other)
