"""Automatic policies for photographs: AutoAugment, RandAugment, TrivialAugmentWide, AugMix, drawn for each image.

Sources: Cubuk et al. 2019 (arXiv 1805.09501), Cubuk et al. 2020 (arXiv 1909.13719), Mueller & Hutter 2021
(arXiv 2103.10158), Hendrycks et al. 2020 (arXiv 1912.02781). Tables and ranges are torchvision's, in distribution.
"""

import functools

import torch
from torch import Tensor
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy

from weightscape.augmentations.draws import Draws
from weightscape.augmentations.photo import NAMES, SIGNED, apply

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


def _signed(chosen: Tensor, magnitudes: Tensor, u: Tensor) -> Tensor:
    """Magnitudes with a random sign where the operation has one."""
    signed = torch.tensor([name in SIGNED for name in NAMES], device=chosen.device)[chosen]
    return torch.where(signed & (u < 0.5), -magnitudes, magnitudes)


def _indices(names: list[str], device: torch.device) -> Tensor:
    return torch.tensor([NAMES.index(name) for name in names], device=device)


def _below(u: Tensor, count: int) -> Tensor:
    """Whole numbers in [0, count) from uniform draws."""
    return (u * count).long().clamp(max=count - 1)


@functools.cache
def _sub_policies(policy: str) -> tuple[Tensor, Tensor, Tensor]:
    """Operation, probability and magnitude bin of AutoAugment's sub-policies, each [policies, 2]."""
    pairs = AutoAugment(AutoAugmentPolicy(policy)).policies
    names = torch.tensor([[NAMES.index(name) for name, _, _ in pair] for pair in pairs])
    probabilities = torch.tensor([[probability for _, probability, _ in pair] for pair in pairs])
    bins = torch.tensor([[place or 0 for _, _, place in pair] for pair in pairs])
    return names, probabilities, bins


def autoaugment(images: Tensor, draws: Draws, stream: str, *, policy: str) -> Tensor:
    """One of the policy's sub-policies for each image; `policy` is `imagenet`, `cifar10` or `svhn`."""
    height, width = images.shape[-2:]
    names, probabilities, bins = (part.to(images.device) for part in _sub_policies(policy))
    table = magnitude_table(10, width, height, "standard").to(images.device)
    u = draws.uniform(stream, 5)
    pair = _below(u[:, 0], len(names))
    for place in (0, 1):
        acts = u[:, 1 + 2 * place] <= probabilities[pair, place]
        chosen = torch.where(acts, names[pair, place], IDENTITY)
        magnitudes = table[chosen, bins[pair, place]]
        images = apply(images, chosen, _signed(chosen, magnitudes, u[:, 2 + 2 * place]))
    return images


def randaugment(images: Tensor, draws: Draws, stream: str, *, operations: int, magnitude: int) -> Tensor:
    """`operations` random operations one after the other at the magnitude bin `magnitude` of 31."""
    height, width = images.shape[-2:]
    allowed = _indices([name for name in NAMES if name != "Invert"], images.device)
    table = magnitude_table(31, width, height, "standard").to(images.device)
    u = draws.uniform(stream, operations, 2)
    for place in range(operations):
        chosen = allowed[_below(u[:, place, 0], len(allowed))]
        images = apply(images, chosen, _signed(chosen, table[chosen, magnitude], u[:, place, 1]))
    return images


def trivialaugment(images: Tensor, draws: Draws, stream: str) -> Tensor:
    """TrivialAugmentWide: one random operation at a random one of 31 magnitude bins."""
    height, width = images.shape[-2:]
    allowed = _indices([name for name in NAMES if name != "Invert"], images.device)
    table = magnitude_table(31, width, height, "wide").to(images.device)
    u = draws.uniform(stream, 3)
    chosen = allowed[_below(u[:, 0], len(allowed))]
    return apply(images, chosen, _signed(chosen, table[chosen, _below(u[:, 1], 31)], u[:, 2]))


def augmix(images: Tensor, draws: Draws, stream: str, *, severity: int, width: int) -> Tensor:
    """Mixture of `width` chains of 1 to 3 operations with the image itself; magnitudes in the first `severity` of 10.

    Weights of the chains are Dirichlet(1, ..., 1), that of the mixture is Beta(1, 1).
    """
    high, wide = images.shape[-2:]
    allowed = _indices([name for name in NAMES if name not in ("Identity", "Invert")], images.device)
    table = magnitude_table(10, wide, high, "mix").to(images.device)
    shares = -torch.log1p(-draws.uniform(f"{stream}/shares", width))
    shares = shares / shares.sum(1, keepdim=True)
    mixed = draws.uniform(f"{stream}/mixed", 1)
    depth = 1 + _below(draws.uniform(f"{stream}/depth", width), 3)
    u = draws.uniform(f"{stream}/chains", width, 3, 3)
    result = (1 - mixed).view(-1, 1, 1, 1) * images
    for chain in range(width):
        content = images
        for link in range(3):
            a, b, c = u[:, chain, link].unbind(1)
            chosen = torch.where(link < depth[:, chain], allowed[_below(a, len(allowed))], IDENTITY)
            content = apply(content, chosen, _signed(chosen, table[chosen, _below(b, severity)], c))
        result = result + (mixed[:, 0] * shares[:, chain]).view(-1, 1, 1, 1) * content
    return result
