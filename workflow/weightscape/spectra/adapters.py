"""Low-rank adapters (LoRA): their product B A as the update of a layer, alone or added to the base.

Names of peft (`lora_A`, `lora_B`), torchtune, kohya and diffusers (`lora_down`, `lora_up`). The scale is alpha / r, of
`adapter_config.json` or of a tensor `alpha` beside the factors; with `use_rslora` alpha / sqrt(r).
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.formats.lazy_tensors import Chosen, Cut
from weightscape.spectra.alignment import entries
from weightscape.spectra.row import Tensors, shape_of

UNSCALED = "unscaled: no adapter_config.json and no alpha tell the factor of B A"
DORA = "unscaled: magnitudes (DoRA) of the adapter are left out, B A is taken alone"
UNREAD = "unscaled: the adapter changes it by {name}, which is not read"
RANK = "unscaled: its factors have rank {rank}, and adapter_config.json states {stated}"
MOVED = "unscaled: {start!r} has changed the base that B A is added to: merge them, or save the adapter as plain LoRA"
EXPERTS = "unscaled: its factors are those of several experts, one after the other"
VARIANT = "unscaled: {name} of adapter_config.json changes B A"
_VARIANTS = ("kasa_config", "monteclora_config", "arrow_config", "use_bdlora")
_PLAIN = ("true", "false", "gaussian", "orthogonal", "eva", "mica")  # of peft's beginnings, those that leave the base
_THIRD = re.compile(r"\.(lora_(?!([ABab]|up|down|embedding_[AB]|magnitude_vector)\b)\w*)(\.\w+)*$")
_DOWN = re.compile(r"[._](lora\w*?[._])(A|a|down)((?:\.(?!weight$)\w+)?(?:\.weight)?)$")
_OTHER = {"A": "B", "a": "b", "down": "up"}
_MAGNITUDES = ("lora_magnitude_vector", "lora_magnitude_vector.weight", "dora_scale")
_PEFT = "base_model.model."
_OUTPUT = ".base_layer.out_proj."  # of torch's attention, whose fused weight has the pair of its whole layer
_WRAPPERS = (_PEFT, "base_model.", "lora_unet_", "lora_te_", "unet.", "transformer.")
_INNER = re.compile(r"\.(base_layer|processor|modules_to_save(\.default)?)(?=\.)")


@dataclass(frozen=True)
class Pair:
    """The factors of an update by key: `up` [out, r] times `down` [r, in, ...], times `scale`, None if it is unknown.

    The product is `turned` where the weight is [in, out], as of embeddings and of GPT-2's Conv1D.
    """

    down: str
    up: str
    scale: float | None
    turned: bool = False
    remark: str = ""


def pairs_of(tensors: Tensors, config: Any) -> dict[str, Pair]:
    """The pairs of factors by the key of the weight that they change, as the adapter names it."""
    settings = config if isinstance(config, dict) else {}
    kind = settings.get("peft_type") or "LORA"
    if kind not in ("LORA", "ADALORA") and any(key.startswith(_PEFT) for key in tensors):
        raise UserError(f"it is an adapter of kind {kind}, which is not read: merge it with its base first")
    fused = {key.partition(_OUTPUT)[0] for key in tensors if _OUTPUT in key}
    third = {key[: match.start()]: match[1] for key in tensors if (match := _THIRD.search(key))}
    found: dict[str, Pair] = {}
    for key in tensors:
        match = _DOWN.search(key)
        if not match:
            continue
        up, layer = key[: match.start(2)] + _OTHER[match[2]] + match[3], key[: match.start()]
        if up not in tensors or not _multiply(shape_of(tensors, up), shape_of(tensors, key)):
            continue
        weight = f"{layer}.in_proj_weight" if layer in fused else f"{layer}.weight"
        if weight in found:
            raise UserError(f"the file holds two adapters of {weight}: save one alone")
        rank = shape_of(tensors, key)[0]
        scale = _scale(tensors, settings, layer, rank)
        remark = UNREAD.format(name=third[layer]) if layer in third else _doubt(settings, layer, rank)
        if any(f"{layer}.{name}" in tensors for name in _MAGNITUDES):
            remark = DORA
        found[weight] = Pair(key, up, scale, "embedding" in match[1], remark or UNSCALED * (scale is None))
    return found


def _doubt(settings: Mapping[str, object], layer: str, rank: int) -> str:
    """The remark where adapter_config.json makes the update another one than B A; empty if nothing does."""
    start, targets = settings.get("init_lora_weights"), settings.get("target_parameters")
    if isinstance(start, str) and start.lower() not in _PLAIN:
        return MOVED.format(start=start)
    if isinstance(targets, list) and any(_names(str(name).rpartition(".")[0], layer) for name in targets):
        return EXPERTS
    variant = next((name for name in _VARIANTS if settings.get(name)), None)
    if variant is not None:
        return VARIANT.format(name=variant)
    stated = _own(settings, "rank_pattern", "r", layer)
    return RANK.format(rank=rank, stated=stated) if type(stated) is int and stated != rank else ""


def _multiply(up: tuple[int, ...], down: tuple[int, ...]) -> bool:
    """Whether factors of these shapes have a product: of layers, or of convolutions of which the second is 1 x 1."""
    return len(up) == len(down) > 1 and up[1] == down[0] and all(side == 1 for side in up[2:])


def _scale(tensors: Tensors, settings: Mapping[str, object], layer: str, rank: int) -> float | None:
    alpha = f"{layer}.alpha"
    if alpha in tensors and math.prod(shape_of(tensors, alpha)) == 1:
        return float(tensors[alpha].reshape(())) / rank
    value = _own(settings, "alpha_pattern", "lora_alpha", layer)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value / rank**0.5 if settings.get("use_rslora") else value / rank


def _own(settings: Mapping[str, object], patterns: str, usual: str, layer: str) -> Any:
    """The value of the first of these patterns that names the layer, else the usual one."""
    own = settings.get(patterns)
    values = [value for name, value in own.items() if _names(name, layer)] if isinstance(own, dict) else []
    return (values or [settings.get(usual)])[0]


def _names(pattern: str, layer: str) -> bool:
    """Whether a pattern of peft names a layer."""
    try:
        return bool(re.match(rf"(.*\.)?({pattern})$", layer.removeprefix(_PEFT)))
    except re.error:
        return False


class Updates(Cut):
    """The updates s B A of an adapter in float64, under the keys of the weights that they change."""

    def __init__(self, tensors: Tensors, pairs: Mapping[str, Pair]) -> None:
        self._tensors, self.pairs = tensors, pairs
        self.shapes = {key: self._shape(pair) for key, pair in pairs.items()}

    def _shape(self, pair: Pair) -> tuple[int, ...]:
        shape = (shape_of(self._tensors, pair.up)[0], *shape_of(self._tensors, pair.down)[1:])
        return shape[::-1] if pair.turned else shape

    def turned(self, keys: Collection[str]) -> "Updates":
        """The same with the products of these keys transposed."""
        pairs = {key: replace(pair, turned=pair.turned != (key in keys)) for key, pair in self.pairs.items()}
        return Updates(self._tensors, pairs)

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of an update at `index`."""
        pair = self.pairs[name]
        sides = [slice(None) if side is ... else side for side in (index if isinstance(index, tuple) else (index,))]
        if pair.turned:
            rows, rest = (sides[1:] or [slice(None)])[0], sides[:1]
        else:
            rows, rest = sides[0], sides[1:]
        up = np.asarray(entries(self._tensors, pair.up, (rows,)), np.float64)
        down = np.asarray(entries(self._tensors, pair.down, (slice(None), *rest)), np.float64)
        product = (1.0 if pair.scale is None else pair.scale) * np.tensordot(up.reshape(up.shape[:2]), down, 1)
        return product.T if pair.turned else product


class Merged(Cut):
    """A base with the updates of an adapter added to it, in float64; `names` are their keys by those of the base.

    `whole` are tensors by key of the base that stand in place of its own.
    """

    def __init__(
        self, base: Tensors, updates: Updates, names: Mapping[str, str], whole: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self._base, self._updates, self.names, self._whole = base, updates, names, whole or {}
        self.shapes = {key: shape_of(base, key) for key in base} | {key: a.shape for key, a in self._whole.items()}
        self.remarks = {name: updates.pairs[key].remark for name, key in names.items() if updates.pairs[key].remark}

    def cut(self, name: str, index: Any) -> np.ndarray:
        """The entries of a tensor at `index`."""
        if name in self._whole:
            return self._whole[name][index]
        array = entries(self._base, name, index)
        if name not in self.names or array.dtype.kind != "f":
            return array
        return array.astype(np.float64) + self._updates.cut(self.names[name], index)

    def difference(self, name: str, index: Any) -> np.ndarray | None:
        """The update alone, without the rounding of the sum; None where there is none."""
        return self._updates.cut(self.names[name], index) if name in self.names else None


@dataclass(frozen=True)
class Adapted:
    """The network that an adapter changes, remarks on its weights by key, sentences, and keys whose update is alone."""

    tensors: Tensors
    remarks: Mapping[str, str]
    notes: Sequence[str]
    alone: Collection[str] = ()


def adapted(tensors: Chosen, pairs: Mapping[str, Pair], start: Tensors | None, config: Any) -> Adapted:
    """The weights of `start` with the updates, those in the adapter's own file with them, or the updates alone."""
    updates = Updates(tensors, pairs)
    factors = {key for pair in pairs.values() for key in (pair.down, pair.up)}
    rest = {key.replace(".base_layer.", "."): (tensors, key) for key in tensors if key not in factors}
    if start is not None and not any(key in rest for key in pairs):
        return _on_base(tensors, updates, start, config, [key for key in tensors if key not in factors])
    base = Chosen(rest)
    alone = {key: (updates, key) for key in pairs if key not in rest}
    inside = {key: key for key in pairs if key in rest}
    merged = Merged(base, _oriented(base, updates, inside, config), inside)
    notes = [f"{len(alone)} layers of an adapter without its base: rows of their updates B A"] if alone else []
    remarks = merged.remarks | {key: pairs[key].remark for key in alone if pairs[key].remark}
    return Adapted(Chosen({key: (merged, key) for key in rest} | alone), remarks, notes, alone)


def _on_base(tensors: Chosen, updates: Updates, start: Tensors, config: Any, others: Sequence[str]) -> Adapted:
    """`others` are the tensors of the adapter that are no factors of a product: weights as a whole, or unread."""
    found = names_in(start, list(updates))
    lacking = next((key for key in updates if key not in found), None)
    if lacking is not None:
        raise UserError(
            f"the adapter changes {lacking} {updates.shapes[lacking]}, which is not in --before: give its own base"
        )
    names = {name: key for key, name in found.items()}
    trained_last = sorted(others, key=lambda key: "modules_to_save" in key)  # peft may keep the original beside it
    whole = {name: key for key, name in names_in(start, trained_last).items()}
    merged = Merged(
        start, _oriented(start, updates, names, config), names, {name: tensors[whole[name]] for name in whole}
    )
    unread = {}
    for key in others:
        changed = _changed_by(key, start)
        if (
            changed
            and changed[0] not in whole
            and not changed[1].startswith(("alpha", *_MAGNITUDES))
            and not _is_bias(key)
        ):
            unread.setdefault(changed[0], UNREAD.format(name=changed[1]))
    notes = [f"{len(whole)} tensors of the adapter stand in place of the base's, as {min(whole)}"] if whole else []
    return Adapted(merged, merged.remarks | unread, notes)


def _oriented(base: Tensors, updates: Updates, names: Mapping[str, str], config: Any) -> Updates:
    """The updates in the shapes that their weights have in the base, of whose `names` they are: transposed of Conv1D.

    Of a square weight the others tell, then `fan_in_fan_out`, then GPT-2's names.
    """
    votes, turned, square = set(), set(), set()
    for name, key in names.items():
        ours, theirs = updates.shapes[key], shape_of(base, name)
        if ours != theirs and (len(ours) > 2 or ours != theirs[::-1]):
            raise UserError(f"the adapter changes {key} {ours}, which has shape {theirs} there: give its own base")
        if len(ours) > 2 or updates.pairs[key].turned:
            continue
        if ours == ours[::-1]:
            square.add(key)
        else:
            votes.add(ours != theirs)
            turned |= {key} if ours != theirs else set()
    stated = config.get("fan_in_fan_out") if isinstance(config, dict) else None
    if len(votes) == 1:
        [stated] = votes
    elif not isinstance(stated, bool):
        stated = any(key.endswith(".c_attn.weight") and shape_of(base, key)[1] > shape_of(base, key)[0] for key in base)
    return updates.turned(turned | square if stated else turned)


def names_in(base: Tensors, keys: Collection[str]) -> dict[str, str]:
    """The key of the base for each of these of an adapter, as far as it has one."""
    flat = {_flat(key): key for key in base}
    found = {}
    for key in keys:
        own = _flat(key)
        ends = [flat[own]] if own in flat else [name for other, name in flat.items() if _end_alike(own, other)]
        if len(ends) == 1:
            found[key] = ends[0]
    return found


def _end_alike(one: str, other: str) -> bool:
    return one.endswith(f"_{other}") or other.endswith(f"_{one}")


def _changed_by(key: str, base: Tensors) -> tuple[str, str] | None:
    """The weight of the base that a further tensor of the adapter belongs to by its name, and the rest of that name."""
    words = key.split(".")
    for count in range(len(words) - 1, 0, -1):
        found = names_in(base, [".".join(words[:count]) + ".weight"])
        if found:
            return next(iter(found.values())), ".".join(words[count:])
    return None


def _is_bias(key: str) -> bool:
    return key.rpartition(".")[2] == "bias"


def _flat(key: str) -> str:
    """A key without wrappers, with one kind of separator, as kohya has it."""
    for wrapper in _WRAPPERS:
        key = key.removeprefix(wrapper)
    return _INNER.sub("", f".{key}").removeprefix(".").replace(".", "_")
