"""Whether a convolution of a state dict is grouped: its tensor [out, in / groups, *kernel] does not tell.

A convolution takes all channels where another tensor makes as many as it takes, or where it takes an image. It may be
grouped where its predecessor makes a multiple of what it takes, or where nothing makes just that and groups would fit
channels that there are.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence

STANDARDISED = "unscaled: a network of these names may standardise it whenever it is used"
UNKNOWN = "whole: {count} input channels, which may be those of a group"
NEAR = 6  # weights listed before one, of which one may be its predecessor
IMAGE = 3  # channels that no tensor of a network makes
Shape = tuple[int, ...]
_SHORTCUT = re.compile(r"down|short|skip|proj|ident|res(\d|_|\.)|branch", re.IGNORECASE)
_TRANSPOSED = re.compile(r"transpose|deconv", re.IGNORECASE)
_UP = re.compile(r"(^|\.)up\d*\.", re.IGNORECASE)
_NAMED = re.compile(r"group(ed)?_?conv|conv\w*group|(^|[._])dw(_?conv)?(\d|\.|_)|conv_?dw|depth_?wise", re.IGNORECASE)
_COUNTED = re.compile(r"\d+(?=\.)|(?<=[.\d])[b-z](?=\.)")


_OF_BIT = re.compile(
    r"(.*?)((stages\.\d+\.(blocks|layers)\.\d+\.(conv\d|downsample\.conv))|stem\.conv\d?|embedder\.convolution)\.weight"
)
_FIRST_OF_BIT = ("stages.0.blocks.0.", "stages.0.layers.0.", "encoder.stages.0.layers.0.")


def may_be_standardised(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a convolution is called as in BiT and hybrid vision transformers, which have group norms (no mean)."""
    match = _OF_BIT.fullmatch(key)
    blocks = [f"{match[1]}{block}" for block in _FIRST_OF_BIT] if match else []
    found = [block for block in blocks if f"{block}norm1.weight" in shapes and f"{block}conv1.weight" in shapes]
    return any(f"{block}norm1.running_mean" not in shapes for block in found)


def groups_by_bias(key: str, shapes: Mapping[str, Shape]) -> int | None:
    """The groups of a transposed convolution [in, out / groups, *kernel] by its bias [out]; None where it has none."""
    out, taken = shapes[key][:2]
    made, *more = shapes.get(f"{key.removesuffix('.weight')}.bias", (0, 0))
    if more or (made == out and not _is_transposed(key, shapes)) or (made,) == shapes[key][2:]:
        return None
    return made // taken if made and made % taken == 0 and out % (made // taken) == 0 else None


def _is_transposed(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a convolution is transposed by its name; one in `up` is none if it has as many biases as rows."""
    own = shapes.get(f"{key.removesuffix('.weight')}.bias") == shapes[key][:1]
    return bool(_TRANSPOSED.search(key) or (_UP.search(key) and not own))


def may_be_grouped(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether the convolution `key` may see only a part of its input channels, by itself or as others of its block."""
    return _may_be_grouped(key, shapes) or _is_among_grouped(key, shapes)


def _is_among_grouped(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether a 1 x 1 convolution follows one that makes a multiple of what it takes and that may be grouped itself."""
    out, taken = shapes[key][:2]
    if math.prod(shapes[key][2:]) > 1 or _SHORTCUT.search(key) or _is_transposed(key, shapes):
        return False
    weights = [name for name, shape in shapes.items() if len(shape) > 1]
    earlier = "".join(weights[: weights.index(key)][-1:])
    made, *sides = shapes.get(earlier, (0,))
    if made <= taken or made % taken or out % (made // taken) or len(sides) < 2 or math.prod(sides[1:]) > 1:
        return False
    return _may_be_grouped(earlier, shapes)


def _may_be_grouped(key: str, shapes: Mapping[str, Shape]) -> bool:
    out, taken = shapes[key][:2]
    if _is_transposed(key, shapes):
        return _is_normed_wider(key, shapes)
    if _NAMED.search(key):
        return True
    positions = math.prod(shapes[key][2:])
    block = key.removesuffix(".weight").removesuffix(".conv").rpartition(".")[0]
    weights = [name for name, shape in shapes.items() if len(shape) > 1]
    inside = [name for name in weights if block and name.startswith(f"{block}.") and name != key]
    earlier = _before(key, shapes, len(block)) or _beside(key, block, inside)
    if earlier is None and any(shapes[name][0] == taken for name in inside):
        return False
    if earlier is None and positions > 1:
        if _follows_more(key, weights, shapes):
            return True
        earlier = _end_of(_before(key, shapes, 0), key, weights)
    elif earlier is None and not _SHORTCUT.search(key):
        earlier = next((name for name in reversed(weights[: weights.index(key)]) if name in inside), None)
    if earlier is not None:
        made = shapes[earlier][0]
        if made == taken or _is_turned(shapes[earlier], shapes[key]):
            return False
        if made % taken == 0 and made > taken and out % (made // taken) == 0:
            return True
    wide = [name for name in inside if positions == 1 and math.prod(shapes[name][2:]) > 1]
    if any(shapes[name][1] == taken and may_be_grouped(name, shapes) for name in wide):  # RepVGG, ResNeSt
        return True
    if earlier is None and not _SHORTCUT.search(key) and _follows_more(key, weights, shapes):
        return True
    makers = {shape[0] for name, shape in shapes.items() if len(shape) in (1, 3, 4, 5) and name != key}
    if taken in makers or taken == IMAGE:
        return False
    return any(out % groups == 0 and groups * taken in makers | {out} for groups in range(2, out + 1))


def _is_normed_wider(key: str, shapes: Mapping[str, Shape]) -> bool:
    """Whether the norm that follows a transposed convolution has a multiple of its channels."""
    out, taken = shapes[key][:2]
    names = list(shapes)
    made, *more = shapes.get("".join(names[names.index(key) + 1 :][:1]), ()) or (0, 0)
    return not more and made > taken and made % taken == 0 and out % (made // taken) == 0


def _end_of(earlier: str | None, key: str, weights: Sequence[str]) -> str | None:
    """The last weight of the block that counts one less, whose first may be called as the first of this one is."""
    if earlier is None:
        return None
    pairs = zip(earlier.split("."), key.split("."), strict=False)
    shared = list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    block = ".".join(earlier.split(".")[: len(shared) + 1])
    return [name for name in weights if name.startswith(f"{block}.")][-1]


def _follows_more(key: str, weights: Sequence[str], shapes: Mapping[str, Shape]) -> bool:
    """Whether the weight listed before a convolution makes a multiple of what it takes, and none near just that."""
    out, taken = shapes[key][:2]
    near = [shapes[name][0] for name in weights[: weights.index(key)] if len(shapes[name]) > 2][-NEAR:]
    if not near or taken in near or near[-1] % taken:
        return False
    return out % (near[-1] // taken) == 0


def _is_turned(earlier: Shape, shape: Shape) -> bool:
    """Whether a weight goes on as a transposed convolution [in, out, *kernel] after another: with an even kernel."""
    return earlier[1] == shape[0] and earlier[2:] == shape[2:] and all(side % 2 == 0 for side in shape[2:])


def _beside(key: str, block: str, inside: Sequence[str]) -> str | None:
    """The weight of a block whose name counts one less: `conv1_1x1` before `conv2_kxk`, `c1x1_a` before `c3x3_b`."""
    word, *rest = key[len(block) + 1 :].split(".")
    number, letter = re.fullmatch(r"([a-z]+_?)(\d)(_.*)", word), re.fullmatch(r".*_([b-z])", word)
    if number:
        pattern = rf"{number[1]}{int(number[2]) - 1}(_.*)?"
    elif letter:
        pattern = rf".*_{chr(ord(letter[1]) - 1)}"
    else:
        return None
    alike = [name for name in inside if name.split(".")[-len(rest) :] == rest]
    return next((name for name in alike if re.fullmatch(pattern, name[len(block) + 1 :].split(".")[0])), None)


def _before(key: str, shapes: Mapping[str, Shape], first: int) -> str | None:
    """The weight whose name counts one less: `conv1` before `conv2`, `f.a.0` before `f.b.0`, `0` before `3`.

    Counts before the letter `first` of the name stay as they are.
    """
    for match in reversed(list(_COUNTED.finditer(key, first))):
        text, opening, rest = match.group(), key[: match.start()], key[match.end() :]
        lower = range(int(text) - 1, max(int(text) - 9, -1), -1) if text.isdigit() else [chr(ord(text) - 1), ""]
        for word, ending in itertools.product(lower, dict.fromkeys((rest, ".weight", ".conv.weight"))):
            other = f"{opening}{word}{ending}"
            if other != key and len(shapes.get(other, ())) > 1:
                return other
    return None
