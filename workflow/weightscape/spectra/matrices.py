"""The matrices inside a state dict, inferred from names and shapes alone.

Conventions: Linear [out, in], Embedding [items, width], convolutions [out, in, *kernel] as one matrix [out,
in] for each kernel position, fused attention weights [q; k; v] along their first axis (GPT-2's `c_attn` along
its second). A layer is named by its key without the ending `.weight`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

WHOLE = "weight"  # the part of a tensor that holds one matrix
DEPTHWISE = "depthwise: slices of one row have no spectrum"
ONE_ROW = "one row: no spectrum"
FACTOR = "reparametrised: what is stored is a factor, not the weight"
NOT_FLOAT = "not floating-point: quantised weights are not measured"

_FACTORS = (".weight_orig", ".weight_v", ".parametrizations.weight.original", ".parametrizations.weight.original1")
"""Endings of keys under spectral norm, weight norm, pruning and torch's parametrizations."""

_FUSED_QKV = {"qkv", "in_proj", "in_proj_weight", "qkv_proj", "Wqkv"}
_ALWAYS_THIRDS = {"qkv", "in_proj_weight"}
_FUSED_KV = {"kv", "kv_proj"}
_EMBEDDING_WORDS = ("embed", "embedding", "embeddings", "wte", "wpe")
_CONVOLUTIONS = {3: "conv1d", 4: "conv2d", 5: "conv3d"}


@dataclass(frozen=True)
class Part:
    """One matrix of a weight tensor, or the pooled slices of a convolution.

    `start:stop` is its range along `axis` of the tensor of this `shape`; `rows` x `columns` the shape of one
    slice, `slices` their number; `status` is "ok" or why no spectrum is taken.
    """

    key: str
    shape: tuple[int, ...]
    layer: str
    part: str
    kind: str
    axis: int
    start: int
    stop: int
    rows: int
    columns: int
    slices: int
    status: str = "ok"

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

    def at(self, shape: tuple[int, ...]) -> "Part":
        """The same part of a tensor of another shape; itself if that has no such part."""
        others = parts({self.key: shape}) if shape != self.shape else []
        return next((other for other in others if other.part == self.part), self)

    @property
    def index(self) -> tuple[slice, ...]:
        """Where it is in the tensor."""
        return (*[slice(None)] * self.axis, slice(self.start, self.stop))

    @staticmethod
    def stacked(selected: np.ndarray) -> np.ndarray:
        """The slices [slices, rows, columns] of what stands at `index`, as a view where possible."""
        if selected.ndim == 2:
            return selected[None]
        flat = selected.reshape(*selected.shape[:2], -1)
        return np.moveaxis(flat, 2, 0)


def is_weight(key: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is a weight matrix: called a weight, with two to five axes and something in it."""
    word = key.rpartition(".")[2]
    named = word == "weight" or word.endswith("_weight") or word.startswith(("weight_ih", "weight_hh"))
    named = named or key.endswith(_FACTORS)
    return named and 2 <= len(shape) <= 5 and math.prod(shape) > 0


def layer_name(key: str) -> str:
    """The layer of a key: `blocks.0.attn.qkv.weight` is `blocks.0.attn.qkv`."""
    return key.removesuffix(".weight")


def parts(shapes: Mapping[str, tuple[int, ...]]) -> list[Part]:
    """All parts of all weights, in the order of the state dict."""
    return [part for key, shape in shapes.items() if is_weight(key, shape) for part in _parts_of(key, tuple(shape))]


def _parts_of(key: str, shape: tuple[int, ...]) -> list[Part]:
    layer = layer_name(key)
    word = layer.rpartition(".")[2]
    axes = len(shape)
    head_first = axes > 2 or ".attn_block." in layer or ".attn_grid." in layer  # so timm orders these rows
    thirds = shape[0] == 3 * shape[1] or (word in _ALWAYS_THIRDS and shape[0] % 3 == 0)
    if (
        word in _FUSED_QKV and thirds and not head_first
    ):  # grouped queries have fewer keys: which rows are whose is not in the file
        return [_part(key, shape, name, 0, index, 3) for index, name in enumerate("qkv")]
    if word in _FUSED_KV and shape[0] % 2 == 0:
        return [_part(key, shape, name, 0, index, 2) for index, name in enumerate("kv")]
    if word == "c_attn" and len(shape) == 2 and shape[1] == 3 * shape[0]:
        return [_part(key, shape, name, 1, index, 3) for index, name in enumerate("qkv")]
    return [_part(key, shape, WHOLE, 0, 0, 1)]


def _part(key: str, shape: tuple[int, ...], name: str, axis: int, index: int, count: int) -> Part:
    size = shape[axis] // count
    sides = [size if at == axis else shape[at] for at in (0, 1)]
    slices = math.prod(shape[2:])
    kind, status = _kind(key, shape, min(sides), slices)
    status = FACTOR if key.endswith(_FACTORS) else status
    start, stop = index * size, (index + 1) * size
    return Part(key, shape, layer_name(key), name, kind, axis, start, stop, sides[0], sides[1], slices, status)


def _kind(key: str, shape: tuple[int, ...], smaller: int, slices: int) -> tuple[str, str]:
    if len(shape) > 2 and shape[1] == 1 and slices > 1:
        return "depthwise", DEPTHWISE
    if len(shape) > 2:
        kind = _CONVOLUTIONS[len(shape)]
    else:
        modules = layer_name(key).lower().replace("_", ".").split(".")
        embeds = any(word in _EMBEDDING_WORDS for word in modules[-2:])
        kind = "embedding" if embeds else "linear"
    return kind, ONE_ROW if smaller == 1 else "ok"


def tied(tensors: Mapping[str, np.ndarray], keys: Iterable[str]) -> dict[str, str]:
    """Keys whose tensor is stored under an earlier key too, with that key.

    Constant tensors (zero-initialised, say) are tied only if they are the same memory.
    """
    seen: dict[tuple, list[str]] = {}  # names alone: a tensor may be widened each time that it is read
    repeated: dict[str, str] = {}
    for key in keys:
        tensor = tensors[key]
        group = seen.setdefault(_fingerprint(tensor), [])
        twin = next((name for name in group if _same(tensor, tensors[name])), None)
        if twin is None:
            group.append(key)
        else:
            repeated[key] = twin
    return repeated


def _fingerprint(tensor: np.ndarray) -> tuple:
    return tensor.shape, tensor.dtype.str, tensor.reshape(-1)[:16].tobytes()


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one is other or one.__array_interface__["data"] == other.__array_interface__["data"]:
        return True
    return bool((one != one.flat[0]).any()) and np.array_equal(one, other)
