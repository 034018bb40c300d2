"""Tells from name and shape what a tensor is: weight, experts, quantised numbers, a factor of a weight, or other."""

import math
import re
from collections.abc import Collection, Mapping
from enum import Enum, auto

Shape = tuple[int, ...]


class Kind(Enum):
    """The kind of a tensor of a state dict."""

    WEIGHT = auto()
    EXPERTS = auto()  # several matrices of one shape [experts, rows, columns]
    STACKED = auto()  # experts in one matrix, their number unknown
    FACTOR = auto()
    QUANTISED = auto()
    OTHER = auto()  # biases, norms, tokens and whatever else has no spectrum


_FACTORS = re.compile(
    r"\.(\w*weight\w*_(orig|v)|parametrizations\.\w+\.original[01]?|\w*lora\w*[._]([ABab]|down|up)(\.\w+)?(\.weight)?|"
    r"(hada|lokr)_w[12](_[ab])?(\.\w+)?|oft_[rR](\.\w+)?|lora_\w+\.[ab][12](\.weight)?|vera_lambda_[bd](\.\w+)?|"
    r"(\w*lora\w*|adapter(\.\w+)?)\.linear_(in|out)\.weight)$"
)
"""Endings under spectral norm, weight norm, pruning, torch's parametrizations, and of adapters."""
_PACKED = re.compile(
    r"\.(qweight|weight_packed|W_q|weight\._data|codes|weight_quantized|q_weight|Qidxs|trellis|(res_)?centroids\.weight|"
    r"_?weight[:_]_?q?data|(weight\.)?compressed)$|(proj_|weight\.)blocks$"
)
_SCALES = (
    "{key}.absmax", "{key}.quant_map", "{layer}.SCB", "{layer}.weight_scale", "{layer}.weight_scale_inv",
    "{layer}.weight_scales", "{layer}.scales", "{layer}.scale_weight", "{key}_scale", "{key}_scale_inv",
    "{layer}.weight_fake_quant.scale", "{layer}._weight_quantizer._amax", "{layer}.weight_quantizer._amax",
    "{parent}.attn_sub_norm.weight", "{parent}.ffn_sub_norm.weight",
)  # fmt: skip
"""Tensors that stand beside a weight which is quantised, or whenever it is used: of bitsandbytes, fp8, EETQ and others;
of training that is aware of it, in torch, by NVIDIA and of BitNet."""
_EXPERTS = re.compile(
    r"expert|moe(?![a-z])|switch_(mlp|glu)|(^|\.)(input_linear|output_linear)\.weight$", re.IGNORECASE
)
_MASKS = ("{layer}.mask", "{layer}.mask_scores", "{layer}.weight_mask", "{layer}.gain")
"""Tensors beside a weight that is masked or standardised whenever it is used: of MADE, movement pruning and NFNet."""
_REMAKERS = ("{layer}.u0", "{layer}.modulation.weight", "{layer}.affine.weight")
"""The same of one that is divided by its norm in BigGAN, or modulated in StyleGAN."""
_WRAPPED = re.compile(r"\.to_wrap\.weight$")
_ONE_EXPERT = re.compile(r"expert(\w*\.|_?)\d+\.|shared|router|gate\.weight$|gating", re.IGNORECASE)
_RECURRENT = re.compile(r"weight_(ih|hh|hr)(?!\w*_(mask|g|u)$)")
_BARE = re.compile(r"proj(ection)?$|^[wW]_?(\d|in|out|up|down|gate|q|k|v|o)$")
_NORM = re.compile(r"norm\d*$|^(ln|bn)_?\w?\d*$", re.IGNORECASE)


def kind_of(key: str, shapes: Mapping[str, Shape], experts: int | None = None) -> Kind:
    """The kind of the tensor `key`; `experts` is their number where `config.json` states it."""
    shape = shapes[key]
    word = key.rpartition(".")[2]
    if math.prod(shape) == 0 or (word == "weight" and _NORM.search(key.split(".")[-2] if "." in key else "")):
        return Kind.OTHER
    if _PACKED.search(f".{key}") or (shape and word == "weight" and is_quantised(key, shapes)):
        return Kind.QUANTISED
    if not 2 <= len(shape) <= 5 or "bias" in word:
        return Kind.OTHER
    if _FACTORS.search(f".{key}") or _is_changed_in_use(key, shapes):
        return Kind.FACTOR
    numbered = re.fullmatch(r"weight\d+", word) and f"{key.removesuffix(word)}weight0" in shapes  # Transformer Engine's
    named = word == "weight" or word.endswith("_weight") or bool(_RECURRENT.match(word) or numbered)
    bias = bias_of(key, shapes)
    if bias == shape:
        return Kind.OTHER  # a norm over several axes
    if named and len(shape) == 3 and len(bias) > 1 and bias[0] == shape[0] and bias[-1] in shape[1:]:
        return Kind.EXPERTS  # of an ensemble
    if is_of_experts(key) and not numbered:
        plain = named or not re.search(r"scale|zero|norm|absmax|amax|token|embed|slot|^phi$", word)
        if len(shape) == 3 and plain and "conv" not in key and bias != shape[:1]:
            return Kind.EXPERTS if shape[0] == experts or experts not in shape else Kind.WEIGHT
        if len(shape) == 2 and plain and (not named or "experts." in key):
            return Kind.STACKED
    if named and len(shape) == 3 and shape[0] == experts and "conv" not in key:
        return Kind.EXPERTS
    bare = len(shape) == 2 and min(shape) > 1 and (_BARE.search(word) or (_EXPERTS.search(key) and not named))
    return Kind.WEIGHT if named or bare else Kind.OTHER


def is_of_experts(key: str) -> bool:
    """Whether a tensor may hold several experts by its name."""
    return bool(_EXPERTS.search(key) and not _ONE_EXPERT.search(key))


def bias_of(key: str, shapes: Mapping[str, Shape]) -> Shape:
    """The shape of the bias beside a weight; empty where there is none."""
    return tuple(shapes.get(f"{key.removesuffix('weight')}bias", ())) if key.endswith("weight") else ()


def _is_changed_in_use(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether the network multiplies a weight by what stands beside it or adds an adapter to it, or the weight is the
    copy that AWD-LSTM has dropped from.
    """
    shape, layer = tuple(shapes[key]), key.removesuffix(".weight")
    beside = (tuple(shapes.get(name.format(layer=layer), ())) for name in _MASKS)
    if key != layer and any(other in (shape, (shape[0], *[1] * (len(shape) - 1))) for other in beside):
        return True
    if any(name.format(layer=layer) in shapes for name in _REMAKERS) or _WRAPPED.search(key):
        return True
    parent, _, word = key.rpartition(".module.")
    return f"{parent}.{word}_raw" in shapes


def is_quantised(key: str, names: Collection[str]) -> bool:
    """Whether scales stand beside a weight."""
    layer = key.removesuffix(".weight")
    parent = layer.rpartition(".")[0]
    return any(pattern.format(key=key, layer=layer, parent=parent) in names for pattern in _SCALES)
