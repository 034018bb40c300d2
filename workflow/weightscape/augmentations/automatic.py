"""Automatic policies for photographs: AutoAugment, RandAugment, TrivialAugmentWide, AugMix, drawn for each image.

Sources: Cubuk et al. 2019 (arXiv 1805.09501), Cubuk et al. 2020 (arXiv 1909.13719), Mueller & Hutter 2021
(arXiv 2103.10158), Hendrycks et al. 2020 (arXiv 1912.02781). Tables and ranges are torchvision's, in distribution.
The host draws and chooses; the device gets, once per batch, the operations of all images in order.
"""

import functools

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

from weightscape.augmentations.draws import Draws, on_device
from weightscape.augmentations.photo import NAMES, SIGNED, Link, chained

IDENTITY = NAMES.index("Identity")


def magnitude_table(bins: int, width: int, height: int, kind: str) -> Tensor:
    """Magnitudes [operations, bins] of `kind` `standard` (AutoAugment, RandAugment), `wide` or `mix` (AugMix)."""
    wide, mix = kind == "wide", kind == "mix"
    shear, turn, blend = (0.99, 135.0, 0.99) if wide else (0.3, 30.0, 0.9)
    shift = [32.0, 32.0] if wide else [width / 3, height / 3] if mix else [150 / 331 * width, 150 / 331 * height]
    most_bits, lost_bits = (4, 4) if mix else (8, 6) if wide else (8, 4)
    ends = {
        "ShearX": shear,
        "ShearY": shear,
        "TranslateX": shift[0],
        "TranslateY": shift[1],
        "Rotate": turn,
        "Brightness": blend,
        "Color": blend,
        "Contrast": blend,
        "Sharpness": blend,
    }
    table = torch.zeros(len(NAMES), bins)
    for name, end in ends.items():
        table[NAMES.index(name)] = torch.linspace(0, end, bins)
    table[NAMES.index("Posterize")] = most_bits - (torch.arange(bins) / ((bins - 1) / lost_bits)).round()
    table[NAMES.index("Solarize")] = torch.linspace(1, 0, bins)
    return table


@functools.cache
def _table(bins: int, width: int, height: int, kind: str) -> np.ndarray:
    return magnitude_table(bins, width, height, kind).numpy()


def _link(chosen: np.ndarray, magnitudes: np.ndarray, u: np.ndarray) -> Link:
    """The operation of each image, its magnitude with a random sign where the operation has one."""
    signed = np.array([name in SIGNED for name in NAMES])[chosen]
    return Link(chosen, np.where(signed & (u < 0.5), -magnitudes, magnitudes))


def _allowed(*without: str) -> np.ndarray:
    return np.array([number for number, name in enumerate(NAMES) if name not in without])


def _below(u: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers in [0, count) from uniform draws."""
    return (u * np.float32(count)).astype(np.int64).clip(max=count - 1)


@functools.cache
def _sub_policies(policy: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operation, probability and magnitude bin of AutoAugment's sub-policies, each [policies, 2]."""
    pairs = AutoAugment(AutoAugmentPolicy(policy)).policies
    names = np.array([[NAMES.index(name) for name, _, _ in pair] for pair in pairs])
    probabilities = np.array([[probability for _, probability, _ in pair] for pair in pairs], np.float32)
    bins = np.array([[place or 0 for _, _, place in pair] for pair in pairs])
    return names, probabilities, bins


def autoaugment(images: Tensor, draws: Draws, stream: str, *, policy: str) -> Tensor:
    """One of the policy's sub-policies for each image; `policy` is `imagenet`, `cifar10` or `svhn`."""
    height, width = images.shape[-2:]
    names, probabilities, bins = _sub_policies(policy)
    table = _table(10, width, height, "standard")
    u = draws.host(stream, 5)
    pair = _below(u[:, 0], len(names))
    links = []
    for place in (0, 1):
        acts = u[:, 1 + 2 * place] <= probabilities[pair, place]
        chosen = np.where(acts, names[pair, place], IDENTITY)
        links.append(_link(chosen, table[chosen, bins[pair, place]], u[:, 2 + 2 * place]))
    return chained(images, links)


def randaugment(images: Tensor, draws: Draws, stream: str, *, operations: int, magnitude: int) -> Tensor:
    """`operations` random operations one after the other at the magnitude bin `magnitude` of 31."""
    height, width = images.shape[-2:]
    allowed, table = _allowed("Invert"), _table(31, width, height, "standard")
    u = draws.host(stream, operations, 2)
    links = []
    for place in range(operations):
        chosen = allowed[_below(u[:, place, 0], len(allowed))]
        links.append(_link(chosen, table[chosen, magnitude], u[:, place, 1]))
    return chained(images, links)


def trivialaugment(images: Tensor, draws: Draws, stream: str) -> Tensor:
    """TrivialAugmentWide: one random operation at a random one of 31 magnitude bins."""
    height, width = images.shape[-2:]
    allowed, table = _allowed("Invert"), _table(31, width, height, "wide")
    u = draws.host(stream, 3)
    chosen = allowed[_below(u[:, 0], len(allowed))]
    return chained(images, [_link(chosen, table[chosen, _below(u[:, 1], 31)], u[:, 2])])


def augmix(images: Tensor, draws: Draws, stream: str, *, severity: int, width: int) -> Tensor:
    """Mixture of `width` chains of 1 to 3 operations with the image itself; magnitudes in the first `severity` of 10.

    Weights of the chains are Dirichlet(1, ..., 1), that of the mixture is Beta(1, 1). All chains are one batch.
    """
    high, wide = images.shape[-2:]
    allowed, table = _allowed("Identity", "Invert"), _table(10, wide, high, "mix")
    depth = 1 + _below(draws.host(f"{stream}/depth", width).T.ravel(), 3)
    u = draws.host(f"{stream}/chains", width, 3, 3).swapaxes(0, 1).reshape(-1, 3, 3)
    links = []
    for place in range(3):
        a, b, c = u[:, place].T
        chosen = np.where(place < depth, allowed[_below(a, len(allowed))], IDENTITY)
        links.append(_link(chosen, table[chosen, _below(b, severity)], c))
    chains = chained(images, links, copies=width)
    shares = -torch.log1p(torch.from_numpy(-draws.host(f"{stream}/shares", width))).numpy()
    mixed = draws.host(f"{stream}/mixed", 1)
    parts = np.concatenate([1 - mixed, mixed * (shares / shares.sum(1, keepdims=True))], 1)
    weights = on_device(parts.T.reshape(width + 1, -1, 1, 1, 1), images.device).unbind()
    result = weights[0] * images
    for weight, chain in zip(weights[1:], chains.chunk(width), strict=True):
        result = torch.addcmul(result, weight, chain)
    return result
