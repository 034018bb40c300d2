"""Asks a network's own modules how they read their weights: the rows of fused attention, if it is timm's, the groups of
convolutions, and which weights are standardised or none of a convolution.
"""

import re
from collections.abc import Iterator

import torch
from torch import nn

from weightscape.formats.layouts import Layout, Structure, blocked, by_head
from weightscape.networks.building import built

_STANDARDISED = re.compile(r"Std|Standard|A?WS(\dd)?$")
"""Names of classes of convolutions that standardise their weight when it is used: timm's, Hugging Face's, mmcv's."""


def structure_of(model: str) -> Structure:
    """The structure of timm's `model`; weights that this cannot tell are left out."""
    with torch.device("meta"):
        return structure_in(built(model, classes=2))


def structure_in(net: nn.Module) -> Structure:
    """The structure of a network; its layouts are right if it is timm's."""
    owners = {f"{name}.weight".lstrip("."): module for name, module in net.named_modules()}
    convolutions = {key: module for key, module in owners.items() if isinstance(module, nn.modules.conv._ConvNd)}
    groups = {key: module.groups for key, module in convolutions.items() if module.in_channels > 1}
    remade = tuple(key for key, module in convolutions.items() if _STANDARDISED.search(type(module).__name__))
    weights = {key: module._parameters.get("weight") for key, module in owners.items() if key not in convolutions}
    others = tuple(key for key, weight in weights.items() if isinstance(weight, torch.Tensor) and weight.ndim > 2)
    return Structure(dict(_layouts(net)), groups, remade, others)


def _layouts(net: nn.Module) -> Iterator[tuple[str, Layout]]:
    for name, module in net.named_modules():
        for word in ("qkv", "kv", "pwise"):
            for inner in ("", ".linear", ".c"):
                key = f"{name}.{word}{inner}".lstrip(".")
                layer = _module(net, key)
                if not isinstance(layer, nn.Linear | nn.Conv2d):
                    continue
                layout = _layout(module, word, layer)
                if layout is not None and layout.fits(tuple(layer.weight.shape)):
                    yield f"{key}.weight", layout


def _module(net: nn.Module, name: str) -> nn.Module | None:
    try:
        return net.get_submodule(name)
    except AttributeError:
        return None


def _layout(attention: nn.Module, word: str, layer: nn.Linear | nn.Conv2d) -> Layout | None:
    """The layout of `layer`, called `word` in a module of attention, as the forward passes of timm cut its output."""
    heads = getattr(attention, "num_heads", None) or getattr(attention, "heads", None)
    key, value = getattr(attention, "key_dim", None), getattr(attention, "val_dim", None)
    rows = len(layer.weight)
    if not isinstance(heads, int):
        return None
    if isinstance(key, int) and isinstance(value, int):  # LeViT, TinyViT, EfficientFormer
        return by_head(heads, word, *[key] * (len(word) - 1), value)
    if word == "pwise":  # LowFormer, CPUBone
        width = getattr(attention, "head_dim", 0)
        return by_head(heads, "qkv", *[width] * 3) if getattr(attention, "num_keys", 0) == 3 else None
    output = getattr(attention, "proj", None)
    if not isinstance(output, nn.Linear | nn.Conv2d) or rows != len(word) * output.weight.shape[1]:
        return None  # it makes no values, or keys of another width
    if getattr(attention, "head_first", False):  # CoAtNet, MaxViT
        return by_head(heads, word, *[rows // heads // len(word)] * len(word))
    if isinstance(layer, nn.Linear) or hasattr(attention, "head_first"):
        return blocked(word, *[rows // len(word)] * len(word))
    return None
