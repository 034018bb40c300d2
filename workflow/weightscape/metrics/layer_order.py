"""Orders layers from a network's input to its output, by their names."""

import re
from collections.abc import Iterable

EARLY = ("conv_stem", "stem", "patch_embed", "conv1", "downsample", "qkv", "in_proj_weight")
LATE = ("conv_head", "head", "fc", "classifier")
"""Parts of layers' names that stand before and after all others."""


def in_depth(names: Iterable[str]) -> list[str]:
    """Names such as `blocks.10.attn.qkv/weight`, each once, from the network's input to its output.

    Stored weights are ordered by name, where `conv_stem` stands last and block 10 before block 2. The parts of a name,
    of timm or torchvision, are compared in turn: numbers as numbers, and a few words early or late.
    """
    return sorted(dict.fromkeys(names), key=lambda name: [_depth(part) for part in re.split(r"[./]", name)])


def _depth(part: str) -> tuple[int, list[tuple[int, str]]]:
    """Orders one part of a layer's name: below zero if it stands early, above zero if late, then by its pieces."""
    rank = -1 if part in EARLY else LATE.index(part) + 1 if part in LATE else 0
    return rank, [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", part)]
