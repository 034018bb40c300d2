"""Fused attention weights by the names and configurations of public networks: where q, k and v stand in them.

A weight is cut only where its name has one convention and its shape agrees, or where `config.json` of Hugging Face
tells network and number of heads. Sources: the forward passes of the networks named below, in transformers and in their
own repositories.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.formats.layouts import Layout, blocked, by_head

Shape = tuple[int, ...]
UNKNOWN = "whole: the order of its queries, keys and values is not known"

_ONE = r"(q|k|v|query|queries|keys?|values?)"
_FUSED = re.compile(
    rf"(^|_)(w|to|fused)?(qkv\w*|{_ONE}(_?(and_)?{_ONE})+)(_|$)|^W_pack$|^c_attn$|^att_proj$|^pwise$|"
    r"^fused_attn|^_combined_projection$",
    re.IGNORECASE,
)
_INNER = re.compile(r"linear|c|conv|block|net|fn|\d+")  # modules around a layer, below its name
_TORCH = re.compile(r"in_proj_weight$|attn\.in_proj$|attention\.in_proj$")
_AS_ONE = re.compile(
    r"\.attn\.attn$|attention\.self\.in_proj$|in_projs\.\d+$|single_blocks\.\d+\.linear1$|(^|\.)blocks\.\d+\.(in_proj|projections)$"
)
"""Of litgpt, DeBERTa, Moshi and StripedHyena; with the network's MLP, of Flux and ViT-22B."""
_NO_BLOCKS = re.compile(
    r"(^|\.)(h|stages|layers|layer)\.\d+\.|\.attn_block\.|\.attn_grid\.|self_attn\.|self_attention\.|attention\.qkv$"
)
"""Places at which `qkv` is not [q; k; v] in every network: TinyViT, CoAtNet, litgpt, decoders with fewer keys."""
_OUTPUTS = ("proj", "proj.linear", "out_proj", "o_proj", "proj_out", "to_out.0", "Wo", "wo")
_SWIN = ("relative_position_bias_table", "logit_scale")  # beside the qkv of Swin, whose names TinyViT shares


@dataclass(frozen=True)
class Heads:
    """The attention of a network by its `config.json`: heads of queries and of keys, their width, kind of network."""

    model: str
    width: int
    queries: int
    keys: int
    head: int
    is_mixed: bool = True  # whether q, k and v take turns, head of keys by head of keys


def is_fused(layer: str) -> bool:
    """Whether a layer is called as one that holds several of queries, keys and values."""
    words = layer.split(".")
    while len(words) > 1 and _INNER.fullmatch(words[-1]):
        words.pop()
    return bool(_FUSED.search(words[-1]) or _TORCH.search(layer) or _AS_ONE.search(layer))


def layout_of(layer: str, shape: Shape, shapes: Mapping[str, Shape], heads: Heads | None) -> Layout | None:
    """The layout of a fused weight of this shape in a state dict of these `shapes`; None where it is not known."""
    if len(shape) != 2:
        return None
    rows, columns = shape
    word = layer.rpartition(".")[2]
    if heads is not None and columns == heads.width:
        known = _of_network(word, heads)
        if known is not None:
            return known if known.fits(shape) else None
    if word == "c_attn":  # Conv1D of GPT-2, [in, out]
        return blocked("qkv", *[rows] * 3, axis=1) if columns == 3 * rows else None
    parent = layer.rpartition(".")[0]
    values = rows // 2 if word == "kv" else rows // 3
    if any(shape[1] != values for shape in _outputs(parent, shapes)) or f"{parent}.pos_bias_u" in shapes:
        return None  # values are wider or narrower than keys; by head in SpeechBrain
    if _TORCH.search(layer) or (word in ("Wqkv", "W_pack") and heads is None):
        return blocked("qkv", *[columns] * 3) if rows == 3 * columns else None
    biases = f"{parent}.attention_biases"
    if word == "qkv" and rows == 3 * columns and biases in shapes:  # TinyViT
        count = shapes[biases][0]
        return by_head(count, "qkv", *[columns // count] * 3) if count and columns % count == 0 else None
    swin = any(f"{parent}.{sibling}" in shapes for sibling in _SWIN)
    if word in ("qkv", "kv") and biases not in shapes and (swin or not _NO_BLOCKS.search(layer)):
        return blocked(word, *[columns] * len(word)) if rows == len(word) * columns else None
    return None


def _outputs(parent: str, shapes: Mapping[str, Shape]) -> list[Shape]:
    """The shapes of the projections of an attention's values that stand beside its fused weight."""
    keys = (f"{parent}.{name}.weight".lstrip(".") for name in _OUTPUTS)
    return [shapes[key] for key in keys if len(shapes.get(key, ())) > 1]


def _of_network(word: str, heads: Heads) -> Layout | None:
    """The layout of a weight called `word` in a network of Hugging Face; None where this page does not know it."""
    sizes = heads.queries * heads.head, heads.keys * heads.head, heads.keys * heads.head
    plain = blocked("qkv", *sizes)
    shared = heads.queries // heads.keys
    mixed = by_head(heads.keys, "qkv", shared * heads.head, heads.head, heads.head)
    blocks = sizes[0] // 4
    known = {
        ("in_proj", "deberta"): mixed,
        ("query_key_value", "gpt_neox"): mixed,
        ("query_key_value", "gpt_neox_japanese"): mixed,
        ("query_key_value", "bloom"): mixed,
        ("query_key_value", "persimmon"): mixed,
        ("query_key_value", "phi3small"): mixed,
        ("query_key_value", "falcon"): mixed if heads.is_mixed else plain,
        ("query_key_value", "chatglm"): mixed if heads.is_mixed else plain,
        ("qkv_proj", "phi3"): plain,
        ("qkv_proj", "codegen"): by_head(4, "qvk", blocks, blocks, blocks),
        ("Wqkv", "mpt"): plain,
        ("Wqkv", "dbrx"): plain,
        ("Wqkv", "modernbert"): plain,
        ("Wqkv", "nomic_bert"): plain,
        ("wqkv", "internlm2"): mixed,
        ("W_pack", "baichuan"): plain,
        ("c_attn", "qwen"): plain,
        ("c_attn", "gpt_bigcode"): mixed if heads.is_mixed else plain,
    }
    return known.get((word, heads.model))


def heads_of(config: Any) -> Heads | None:
    """The attention that a `config.json` of Hugging Face states, as far as it does."""
    block = config.get("text_config", config) if isinstance(config, dict) else None
    if not isinstance(block, dict):
        return None
    inner = block.get("attn_config")
    facts = block | (inner if isinstance(inner, dict) else {})
    width = _first(facts, "hidden_size", "n_embd", "d_model")
    queries = _first(facts, "num_attention_heads", "n_head", "n_heads", "num_heads")
    if not width or not queries:
        return None
    keys = _first(facts, "num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num")
    head = _first(facts, "head_dim", "kv_channels") or width // queries
    model, mixed = str(block.get("model_type", "")), True
    if model == "falcon":
        mixed = bool(facts.get("new_decoder_architecture")) or not facts.get("multi_query", True)
        keys = (keys or queries) if facts.get("new_decoder_architecture") else queries if mixed else 1
    elif model == "gpt_bigcode":
        mixed = not facts.get("multi_query", True)
        keys = queries if mixed else 1
    elif model == "chatglm":
        mixed = not facts.get("multi_query_attention")
        keys = queries if mixed else keys
    keys = keys or queries
    return Heads(model, width, queries, keys, head, mixed) if queries % keys == 0 else None


def _first(facts: Mapping[str, object], *names: str) -> int | None:
    """The first of these facts that is a positive whole number."""
    values = (facts.get(name) for name in names)
    return next((value for value in values if type(value) is int and value > 0), None)
