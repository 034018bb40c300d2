"""Random draws that belong to an image, not to a batch: a hash of (run, epoch, image, stream, counter).

A counter-based generator (splitmix64's finaliser; Steele, Lea & Flood 2014) on tensors of int64, so that a resumed,
re-batched or re-sharded run draws the same on every device. Streams name what is drawn ("affine", "noise").
"""

import math

import torch
from torch import Tensor

from weightscape.seeds import seed

MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    """The 64 bits of `value` as a signed integer, as torch stores them."""
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


GOLDEN = _signed(0x9E3779B97F4A7C15)
FIRST = _signed(0xBF58476D1CE4E5B9)
SECOND = _signed(0x94D049BB133111EB)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Logical (unsigned) right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * FIRST
    x = (x ^ _shifted(x, 27)) * SECOND
    return x ^ _shifted(x, 31)


class Draws:
    """Draws of one batch: `keys` int64 [n] identify its images within (run, epoch)."""

    def __init__(self, run_seed: int, epochs: Tensor, images: Tensor) -> None:
        base = torch.full_like(images, _signed(run_seed * 2 + 1))
        self.keys = _mixed(_mixed(base + epochs * GOLDEN) + images * GOLDEN)

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Uniform float32 draws in [0, 1), shape [n, *shape]."""
        count = math.prod(shape)
        counters = torch.arange(1, count + 1, device=self.keys.device, dtype=torch.int64)
        start = self.keys ^ _signed(seed("draws", stream))
        bits = _mixed(_mixed(start)[:, None] + counters * GOLDEN)
        return (_shifted(bits, 40).to(torch.float32) / (1 << 24)).reshape(-1, *shape)

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal float32 draws, shape [n, *shape] (Box & Muller 1958)."""
        radius = torch.sqrt(-2 * torch.log1p(-self.uniform(f"{stream}/radius", *shape)))
        return radius * torch.cos(2 * math.pi * self.uniform(f"{stream}/angle", *shape))
