"""The fourteen operations that automatic policies choose from, on a batch, with a magnitude for each image.

Images are float [n, c, h, w] in [0, 1]; magnitudes are float [n], in the units of torchvision's `AutoAugment`
(https://docs.pytorch.org/vision/stable/transforms.html), with whose functions these agree at each magnitude. The host
sorts the images by operation, so that each kind of operation works in place on one slice of the batch: all geometry in
one `grid_sample`, all blends in one `lerp`, and nobody asks the device which images are which.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from weightscape.augmentations.draws import on_device
from weightscape.augmentations.geometry import warped

NAMES = [
    "Identity",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
    "Contrast",
    "Sharpness",
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
    "Invert",
]
"""By the names that the papers use, in the order in which policies draw them."""
KINDS = {
    "same": NAMES[:1],
    "moved": NAMES[1:6],
    "blended": NAMES[6:10],
    "levels": ["Posterize", "Equalize"],
    "solarized": ["Solarize"],
    "stretched": ["AutoContrast"],
    "inverted": ["Invert"],
}
"""Operations that are done together, in the order in which a batch is sorted."""
PLACE = np.argsort([NAMES.index(name) for names in KINDS.values() for name in names])
SIGNED = NAMES[1:10]
"""Operations whose magnitude has a random sign."""
GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue in the luma of ITU-R BT.601


@dataclass(frozen=True)
class Link:
    """One operation for each image: an index into NAMES [n], and its magnitude, float32 [n]; both on the host."""

    chosen: np.ndarray
    magnitudes: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The images sorted by operation."""
        return np.argsort(PLACE[self.chosen], kind="stable")

    def counts(self, kind: str) -> list[int]:
        """How many images each operation of a kind has."""
        counts = np.bincount(self.chosen, minlength=len(NAMES))
        return [int(counts[NAMES.index(name)]) for name in KINDS[kind]]

    def values(self, height: int, width: int) -> np.ndarray:
        """An operation's numbers for each image [n, 6]: a map [2, 3] from output to input, or one number at the front.

        That is the weight of the image in a blend, the step between two grey levels, or the threshold.
        """
        values = np.zeros((len(self.chosen), 6), np.float32)
        for number, name in enumerate(NAMES):
            rows = self.chosen == number
            magnitudes = self.magnitudes[rows]
            if name in KINDS["moved"]:
                values[rows] = _map(name, magnitudes, height, width)
            elif name in KINDS["blended"]:
                values[rows, 0] = 1 + magnitudes
            else:
                values[rows, 0] = 2 ** (8 - magnitudes.round()) if name == "Posterize" else magnitudes
        return values


def _map(name: str, magnitudes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Maps from output to input [n, 6], in coordinates [-1, 1]: shears about the upper or left edge as in the paper,
    turns counter-clockwise about the centre by degrees.
    """
    maps = np.tile(np.eye(2, 3, dtype=np.float32), (len(magnitudes), 1, 1))
    if name == "ShearX":
        maps[:, 0, 1:] = (magnitudes * height / width)[:, None]
    elif name == "ShearY":
        maps[:, 1, ::2] = (magnitudes * width / height)[:, None]
    elif name == "TranslateX":
        maps[:, 0, 2] = -2 * np.trunc(magnitudes) / width
    elif name == "TranslateY":
        maps[:, 1, 2] = -2 * np.trunc(magnitudes) / height
    else:
        angle = torch.from_numpy(magnitudes * np.float32(math.pi / 180))
        cosine, sine = angle.cos().numpy(), angle.sin().numpy()
        maps[:, 0, 0] = maps[:, 1, 1] = cosine
        maps[:, 0, 1], maps[:, 1, 0] = -sine * height / width, sine * width / height
    return maps.reshape(-1, 6)


def apply(images: Tensor, chosen: Tensor, magnitudes: Tensor) -> Tensor:
    """Images after the operation `chosen` [n] (an index into NAMES) of each, at its magnitude; both on the host."""
    return chained(images, [Link(chosen.numpy(), magnitudes.numpy())])


def chained(images: Tensor, links: Sequence[Link], copies: int = 1) -> Tensor:
    """Images after some operations, one link after the other; of `copies` of the batch, each with links of its own."""
    height, width = images.shape[-2:]
    orders = [np.tile(np.arange(len(images)), copies)[links[0].order]]
    orders += [np.argsort(link.order)[later.order] for link, later in pairwise(links)]
    orders.append(np.argsort(links[-1].order))
    moves = on_device(np.stack(orders), images.device).unbind()
    values = on_device(np.stack([link.values(height, width)[link.order] for link in links]), images.device).unbind()
    images = images.contiguous()
    for link, move, value in zip(links, moves, values, strict=False):
        images = images.index_select(0, move)
        counts = [link.counts(kind) for kind in KINDS]
        sizes = [sum(numbers) for numbers in counts]
        for act, numbers, part, own in zip(KINDS, counts, images.split(sizes), value.split(sizes), strict=True):
            if len(part):
                ACTS[act](part, own, numbers)
    return images.index_select(0, moves[-1])


def _same(images: Tensor, values: Tensor, counts: list[int]) -> None:
    pass


def _move(images: Tensor, values: Tensor, counts: list[int]) -> None:
    images.copy_(warped(images, values.view(-1, 2, 3), mode="nearest"))


def _blend(images: Tensor, values: Tensor, counts: list[int]) -> None:
    """others + weight (images - others), clamped; the others are black, grey, mean grey, or smooth."""
    bright, coloured, contrasted, sharpened = images.split(counts)
    grey = _grey(images[len(bright) : len(images) - len(sharpened)])
    mean = grey[len(coloured) :].mean((1, 2, 3), keepdim=True)
    black = _constants(images.device)[0]
    parts = [black.expand_as(bright), grey[: len(coloured)].expand_as(coloured), mean.expand_as(contrasted)]
    others = torch.cat([*parts, *([_smooth(sharpened)] if len(sharpened) else [])])
    torch.lerp(others, images, values[:, :1, None, None], out=images).clamp_(0, 1)


@functools.cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Black, the weights of the luma, a 3 x 3 kernel with a heavy centre, the grey levels, and a count of one."""
    with torch.inference_mode(False):
        kernel = torch.ones(3, 3, device=device)
        kernel[1, 1] = 5
        grey = torch.tensor(GREY, device=device).view(1, 3, 1, 1)
        black, levels = torch.zeros(1, 1, 1, 1, device=device), torch.arange(256, device=device)
        return black, grey, kernel / 13, levels, levels[1:2].view(1, 1, 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return (images * _constants(images.device)[1]).sum(1, keepdim=True)


def _smooth(images: Tensor) -> Tensor:
    """Smoothed by a 3 x 3 kernel; the border stays."""
    channels = images.shape[1]
    kernel = _constants(images.device)[2].expand(channels, 1, 3, 3)
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(images, kernel, groups=channels)
    return smooth


def _level(images: Tensor, values: Tensor, counts: list[int]) -> None:
    """Posterized, or equalized, both in grey levels 0 to 255."""
    images.mul_(255).round_()
    posterized, equalized = images.split(counts)
    if len(posterized):
        step = values[: len(posterized), :1, None, None]
        posterized.div_(step, rounding_mode="floor").mul_(step)
    if len(equalized):
        _equalize(equalized)
    images.div_(255)


def _equalize(images: Tensor) -> None:
    """Pillow's histogram equalization of every channel, in grey levels; a channel of almost one level stays."""
    levels = images.clamp_(0, 255).flatten(2).to(torch.int64)
    histogram = levels.new_zeros((*levels.shape[:2], 256))
    histogram.scatter_add_(2, levels, _constants(images.device)[4].expand_as(levels))
    below = histogram.cumsum(2).sub_(histogram)  # pixels below each level
    step = below.gather(2, levels.amax(2, keepdim=True)).div_(255, rounding_mode="floor")
    same = step == 0
    table = below.add_(step // 2).div_(step.clamp_(min=1), rounding_mode="floor").clamp_(max=255)
    table = torch.where(same, _constants(images.device)[3], table).to(images.dtype)
    torch.gather(table, 2, levels, out=images.view(levels.shape))


def _solarize(images: Tensor, values: Tensor, counts: list[int]) -> None:
    """Values from the threshold on (in [0, 1]) are inverted."""
    torch.where(images >= values[:, :1, None, None], 1 - images, images, out=images)


def _stretch(images: Tensor, values: Tensor, counts: list[int]) -> None:
    """Every channel from its least to its greatest value; one of a single value stays."""
    least, greatest = images.flatten(2).aminmax(dim=2, keepdim=True)
    least, span = least[..., None], (greatest - least)[..., None]
    flat = span == 0
    images.sub_(least.masked_fill_(flat, 0)).div_(span.masked_fill_(flat, 1))


def _invert(images: Tensor, values: Tensor, counts: list[int]) -> None:
    images.neg_().add_(1)


ACTS: dict[str, Callable[[Tensor, Tensor, list[int]], None]] = {
    "same": _same,
    "moved": _move,
    "blended": _blend,
    "levels": _level,
    "solarized": _solarize,
    "stretched": _stretch,
    "inverted": _invert,
}
"""Puts the results of a kind in place of its images, which are sorted by operation: `counts` images of each."""
