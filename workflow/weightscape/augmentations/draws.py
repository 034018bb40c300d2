"""Random draws that belong to an image, not to a batch: a hash of (run, epoch, image, stream, counter).

A counter-based generator (splitmix64's finaliser; Steele, Lea & Flood 2014) on int64, so that a resumed, re-batched or
re-sharded run draws the same on every device. Streams name what is drawn ("affine", "noise"). Few draws per image are
made on the host, where a policy can read them without waiting for the device; fields of them on the device.
"""

import functools
import math
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from weightscape.seeds import seed

MASK = (1 << 64) - 1
Words = TypeVar("Words", np.ndarray, Tensor)


def _signed(value: int) -> int:
    """The 64 bits of `value` as a signed integer, as torch stores them."""
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


GOLDEN = _signed(0x9E3779B97F4A7C15)
FIRST = _signed(0xBF58476D1CE4E5B9)
SECOND = _signed(0x94D049BB133111EB)


def _shifted(x: Words, bits: int) -> Words:
    """Logical (unsigned) right shift of int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(x: Words) -> Words:
    x = (x ^ _shifted(x, 30)) * FIRST
    x = (x ^ _shifted(x, 27)) * SECOND
    return x ^ _shifted(x, 31)


def on_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copies a small array to a device, for which nobody waits."""
    return torch.from_numpy(array).to(device, non_blocking=True)


@functools.lru_cache(maxsize=4)
def _counters(count: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.arange(1, count + 1, device=device) * GOLDEN


class Draws:
    """Draws of one batch: `images` int64 [n] identify its images within (run, epoch), both on the host.

    Fields of draws are made on `device`, which is the host unless it is given.
    """

    def __init__(self, run_seed: int, epochs: Tensor, images: Tensor, device: torch.device | None = None) -> None:
        self.device = device or images.device
        rows = images.cpu().numpy()
        base = np.full_like(rows, _signed(run_seed * 2 + 1))
        self.keys: np.ndarray = _mixed(_mixed(base + epochs.cpu().numpy() * GOLDEN) + rows * GOLDEN)

    def host(self, stream: str, *shape: int) -> np.ndarray:
        """Uniform float32 draws in [0, 1) on the host, shape [n, *shape]: the same as `uniform`'s."""
        bits = _mixed(self._start(stream)[:, None] + np.arange(1, math.prod(shape) + 1) * GOLDEN)
        return (_shifted(bits, 40).astype(np.float32) / np.float32(1 << 24)).reshape(-1, *shape)

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Uniform float32 draws in [0, 1) on the device, shape [n, *shape]."""
        return self._fields([stream], *shape)[0]

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal float32 draws on the device, shape [n, *shape] (Box & Muller 1958)."""
        radius, angle = self._fields([f"{stream}/radius", f"{stream}/angle"], *shape).unbind()
        return torch.sqrt(-2 * torch.log1p(-radius)) * torch.cos(2 * math.pi * angle)

    def _start(self, stream: str) -> np.ndarray:
        return _mixed(self.keys ^ _signed(seed("draws", stream)))

    def _fields(self, streams: list[str], *shape: int) -> Tensor:
        """Uniform draws of several streams, [streams, n, *shape], hashed as one."""
        start = on_device(np.stack([self._start(stream) for stream in streams]), self.device)
        bits = _mixed(start[..., None] + _counters(math.prod(shape), self.device))
        return (_shifted(bits, 40).to(torch.float32) / (1 << 24)).reshape(*start.shape, *shape)
