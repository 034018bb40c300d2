"""Low-rank adapters (LoRA): their product B A as the update of a layer, alone or added to the base.

Names of peft (`lora_A`, `lora_B`), kohya and diffusers (`lora_down`, `lora_up`). The scale is alpha / r, of
`adapter_config.json` or of a tensor `alpha` beside the factors; with `use_rslora` alpha / sqrt(r).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.lazy_tensors import Cut
from weightscape.spectra.alignment import entries
from weightscape.spectra.row import Tensors, shape_of

UNSCALED = "unscaled: no adapter_config.json and no alpha tell the factor of B A"
_DOWN = re.compile(r"[._](lora_A|lora_down|lora\.down)(\.(?!weight$)\w+)?\.weight$")
_WRAPPERS = ("base_model.model.", "base_model.", "lora_unet_", "lora_te_", "unet.", "transformer.")


@dataclass(frozen=True)
class Pair:
    """The factors of an update by key: `up` [out, r] times `down` [r, in], times `scale`; None where it is unknown."""

    down: str
    up: str
    scale: float | None


def pairs_of(tensors: Tensors, config: Any) -> dict[str, Pair]:
    """The pairs of factors by the key of the weight that they change, as the adapter names it."""
    found = {}
    for key in tensors:
        match = _DOWN.search(key)
        if not match:
            continue
        up = key[: match.start(1)] + match[1].replace("_A", "_B").replace("down", "up") + key[match.end(1) :]
        layer = key[: match.start()]
        if up in tensors and len(shape_of(tensors, key)) == len(shape_of(tensors, up)) == 2:
            rank = shape_of(tensors, key)[0]
            if shape_of(tensors, up)[1] == rank:
                found[f"{layer}.weight"] = Pair(key, up, _scale(tensors, config, layer, rank))
    return found


def _scale(tensors: Tensors, config: Any, layer: str, rank: int) -> float | None:
    alpha = f"{layer}.alpha"
    if alpha in tensors and not shape_of(tensors, alpha):
        return float(tensors[alpha]) / rank
    settings = config if isinstance(config, dict) else {}
    value = settings.get("lora_alpha")
    patterns = settings.get("alpha_pattern") or {}
    value = next((patterns[name] for name in patterns if re.search(rf"(^|\.){name}$", layer)), value)
    if not isinstance(value, int | float):
        return None
    return value / rank**0.5 if settings.get("use_rslora") else value / rank


class Updates(Cut):
    """The updates s B A of an adapter in float64, under the keys of the weights that they change."""

    def __init__(self, tensors: Tensors, pairs: Mapping[str, Pair]) -> None:
        self._tensors, self._pairs = tensors, pairs
        self.shapes = {key: self._shape(pair) for key, pair in pairs.items()}

    def _shape(self, pair: Pair) -> tuple[int, int]:
        return shape_of(self._tensors, pair.up)[0], shape_of(self._tensors, pair.down)[1]

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of an update at `index`."""
        pair = self._pairs[name]
        rows, columns = (*index, slice(None), slice(None))[:2] if isinstance(index, tuple) else (index, slice(None))
        up = np.asarray(entries(self._tensors, pair.up, (rows, slice(None))), np.float64)
        down = np.asarray(entries(self._tensors, pair.down, (slice(None), columns)), np.float64)
        return (1.0 if pair.scale is None else pair.scale) * (up @ down)


class Merged(Cut):
    """A base with the updates of an adapter added to it, in float64; `names` are their keys by those of the base."""

    def __init__(self, base: Tensors, updates: Updates, names: Mapping[str, str]) -> None:
        self._base, self._updates, self.names = base, updates, names
        self.shapes = {key: shape_of(base, key) for key in base}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`."""
        array = entries(self._base, name, index)
        if name not in self.names or array.dtype.kind != "f":
            return array
        return array.astype(np.float64) + self._updates.cut(self.names[name], index)

    def difference(self, name: str, index: Any) -> np.ndarray | None:
        """The update alone, without the rounding of the sum; None where there is none."""
        return self._updates.cut(self.names[name], index) if name in self.names else None


def merged(base: Tensors, updates: Updates) -> Merged:
    """The base with the updates; each must find its weight there, by name and shape."""
    flat = {_flat(key): key for key in base}
    names = {}
    for key in updates:
        name = flat.get(_flat(key))
        if name is None:
            ends = [other for other in base if _flat(other).endswith(_flat(key)) or _flat(key).endswith(_flat(other))]
            name = ends[0] if len(ends) == 1 else None
        if name is None or shape_of(base, name) != updates.shapes[key]:
            other = f"has shape {shape_of(base, name)} there" if name else "is not in --before"
            raise UserError(f"the adapter changes {key} {updates.shapes[key]}, which {other}: give its own base")
        names[name] = key
    return Merged(base, updates, names)


def _flat(key: str) -> str:
    """A key without wrappers, with one kind of separator, as kohya has it."""
    for wrapper in _WRAPPERS:
        key = key.removeprefix(wrapper)
    return key.replace(".base_layer.", ".").replace(".", "_")
