"""The order of layers from input to output, read from their names.

Stored weights are ordered by name, where `conv_stem` stands last and block 10 before block 2. The names are those of
timm and torchvision: parts of a name are compared in turn, numbers as numbers, and a few words are early or late.
"""

import re
from collections.abc import Iterable

EARLY = ("conv_stem", "stem", "patch_embed", "conv1", "downsample", "qkv", "in_proj_weight")
LATE = ("conv_head", "head", "fc", "classifier")


def in_depth(names: Iterable[str]) -> list[str]:
    """Names such as `blocks.10.attn.qkv/weight`, each once, from input to output."""
    return sorted(dict.fromkeys(names), key=_key)


def _key(name: str) -> list[tuple[int, list[tuple[int, str]]]]:
    return [(_rank(part), _natural(part)) for part in re.split(r"[./]", name)]


def _rank(part: str) -> int:
    """Below zero for words that stand early, above zero for those that stand late."""
    return -1 if part in EARLY else LATE.index(part) + 1 if part in LATE else 0


def _natural(part: str) -> list[tuple[int, str]]:
    """Words and numbers of a part of a name, to be compared as such."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", part)]
