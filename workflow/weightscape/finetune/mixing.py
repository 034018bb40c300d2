"""Mixes pairs of a batch, images and labels alike, and proves from what entered the network that it was done.

An image x_i with the label y_i becomes (1 - w) x_i + w x_j, and the loss (1 - w) CE(y_i) + w CE(y_j), which is the
cross-entropy with the mixed label; each pair has a weight w of its own, and j is a permutation of the batch. Mixup
(Zhang et al. 2018, arXiv 1710.09412, eq. 1) draws w from Beta(alpha, alpha).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from weightscape.augmentations.draws import on_device
from weightscape.errors import UserError
from weightscape.finetune.settings import Mixing
from weightscape.networks.device import in_float64
from weightscape.seeds import seed

COUNTS = ("weight", "strangers", "labels")
UNLIKE = 0.1  # of an image's change, the part that no other image of the batch explains, above which it is no mixture
OFF_WEIGHT = 0.05  # of the mean weight, and of the labels' weights, how far off they may be, besides chance


class Mixture(NamedTuple):
    """A family that mixes: draws the weights of n pairs from the numbers of a dose; their mean and their spread."""

    draw: Callable[..., np.ndarray]
    mean: Callable[..., float]
    spread: Callable[..., float]


MIXTURES = {
    "mixup": Mixture(
        lambda rng, count, alpha: rng.beta(alpha, alpha, count),
        lambda alpha: 0.5,
        lambda alpha: 0.5 / (2 * alpha + 1) ** 0.5,
    ),
}


class Pairs(NamedTuple):
    """Mixed images [n, c, h, w], the row [n] of each one's partner, and the partner's weight [n]."""

    images: Tensor
    others: Tensor
    weight: Tensor


def mixed(images: Tensor, mixing: Mixing | None, run_seed: int, step: int) -> Pairs | None:
    """The pairs of a step; None where nothing is mixed."""
    if mixing is None:
        return None
    rng = np.random.default_rng(seed("mixing", run_seed, step))
    others = on_device(rng.permutation(len(images)), images.device)
    drawn = MIXTURES[mixing.name].draw(rng, len(images), **mixing.values)
    weight = on_device(np.asarray(drawn, np.float32), images.device)
    return Pairs(torch.lerp(images, images[others], weight[:, None, None, None]), others, weight)


def loss(logits: Tensor, labels: Tensor, pairs: Pairs | None) -> Tensor:
    """The cross-entropy with the labels, or with the mixed labels of the pairs."""
    if pairs is None:
        return F.cross_entropy(logits, labels)
    own, other = (F.cross_entropy(logits, of, reduction="none") for of in (labels, labels[pairs.others]))
    return torch.lerp(own, other, pairs.weight).mean()


def seen(plain: Tensor, entered: Tensor, labels: Tensor, pairs: Pairs) -> dict[str, Tensor | float]:
    """Finds in what entered the network the partner and weight of each image, by least squares, and compares labels.

    `plain` are the stored images as they would have entered without mixing.
    """
    own, change = in_float64(plain.flatten(1)), in_float64((entered - plain).flatten(1))
    labels, others, drawn = (column.to(own.device) for column in (labels, pairs.others, pairs.weight))
    towards = own[None] - own[:, None]
    length = towards.square().sum(2).clamp_min(1e-12)
    weights = (towards * change[:, None]).sum(2) / length
    left = (change[:, None] - weights[..., None] * towards).norm(dim=2)
    best = left.argmin(1)
    rows = torch.arange(len(own), device=own.device)
    weight = weights[rows, best]
    stranger = left[rows, best] > UNLIKE * change.norm(dim=1) + 1e-6
    asked = drawn * (labels[others] != labels)
    found = weight * (labels[best] != labels)
    wrong = (labels[best] != labels[others]) * torch.minimum(asked, found)
    off = (asked - found).abs() + wrong
    return {
        "mixed": len(own),
        "mixed_weight": weight.sum(),
        "mixed_strangers": stranger.sum(),
        "mixed_labels": off.sum(),
    }


def check(seen: Mapping[str, float], mixing: Mixing, images: float, batch: int) -> None:
    """Stop if the images were not mixed with each other at the weights of the dose, or the labels not as the images."""
    mixture = MIXTURES[mixing.name]
    wanted = mixture.mean(**mixing.values) * (1 - 1 / batch)  # a permutation leaves one image with itself
    aside = OFF_WEIGHT + 4 * (mixture.spread(**mixing.values) + wanted * batch**-0.5) / max(1.0, images) ** 0.5
    if not images or seen["strangers"] > OFF_WEIGHT or abs(seen["weight"] - wanted) > aside:
        raise UserError(
            f"the intervention did not act as configured: {mixing.name} should mix images at a mean weight of "
            f"{wanted:.3f}, but it was {seen['weight']:.3f}, and {seen['strangers']:.0%} of the images were no mixture "
            "of two; this run is not recorded"
        )
    if seen["labels"] > OFF_WEIGHT:
        raise UserError(
            f"the intervention did not act as configured: {mixing.name} mixed labels apart from images, by "
            f"{seen['labels']:.3f} on average; this run is not recorded"
        )
