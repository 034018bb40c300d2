"""Augmentations by geometry (affine, elastic, erasing, flip, a passage through a lower resolution) and by noise.

Images are float [n, c, h, w] in [0, 1]; outside of the image is 0. The few draws of an image are read on the host.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from weightscape.augmentations.draws import Draws, on_device


def affine(
    images: Tensor, draws: Draws, stream: str, *, degrees: float, translate: float, scale: float, shear: float
) -> Tensor:
    """Rotation and shear along x in degrees, shift in sides, zoom 1 +- scale, as torchvision's RandomAffine."""
    u = 2 * torch.from_numpy(draws.host(stream, 5)) - 1
    angle, lean = u[:, 0] * math.radians(degrees), (u[:, 1] * math.radians(shear)).tan()
    cosine, sine = angle.cos(), angle.sin()
    # The inverse of (shift) (rotation) (shear along x) (zoom), in the coordinates [-1, 1] of the output.
    rows = torch.stack([cosine - sine * lean, cosine * lean + sine, -sine, cosine], 1).view(-1, 2, 2)
    linear = rows / (1 + u[:, 2] * scale).view(-1, 1, 1)
    shift = -2 * translate * linear @ u[:, 3:, None]
    matrix = torch.cat([linear, shift], 2)
    return warped(images, matrix.to(images.device, non_blocking=True))


def warped(images: Tensor, matrix: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps each image by an affine matrix of its own: `matrix` [n, 2, 3] from output to input, sides being [-1, 1]."""
    height, width = images.shape[-2:]
    places = _places(height, width, images.device)
    grid = places.expand(len(images), -1, -1).bmm(matrix.transpose(1, 2)).view(-1, height, width, 2)
    return F.grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=False)


@functools.lru_cache(maxsize=4)
def _places(height: int, width: int, device: torch.device) -> Tensor:
    """Coordinates (x, y, 1) of the pixels' centres [1, h w, 3], the sides of the image being [-1, 1]."""
    with torch.inference_mode(False):
        grid = F.affine_grid(torch.eye(2, 3, device=device)[None], [1, 1, height, width], align_corners=False)
        return F.pad(grid.view(1, -1, 2), (0, 1), value=1.0)


def elastic(images: Tensor, draws: Draws, stream: str, *, alpha: float, sigma: float) -> Tensor:
    """Displacements in [-1, 1], smoothed over `sigma` px (Simard et al. 2003), x `alpha` / 2 as torchvision's."""
    height, width = images.shape[-2:]
    shift = 2 * draws.uniform(stream, 2, height, width) - 1
    shift = _smoothed(shift, sigma) * alpha
    places = _places(height, width, images.device)[..., :2].view(1, height, width, 2)
    grid = places + (shift * _pixel(height, width, images.device)).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@functools.lru_cache(maxsize=4)
def _pixel(height: int, width: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor([1 / width, 1 / height], device=device).view(1, 2, 1, 1)


@functools.lru_cache(maxsize=4)
def _gaussian(radius: int, sigma: float, device: torch.device) -> Tensor:
    """A Gaussian over 2 radius + 1 pixels whose sum is 1, for two channels: [2, 1, 2 radius + 1]."""
    with torch.inference_mode(False):
        x = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (x / sigma) ** 2)
        return (kernel / kernel.sum()).expand(2, 1, -1)


def _smoothed(field: Tensor, sigma: float) -> Tensor:
    """A field [n, 2, h, w] convolved with a separable Gaussian, reflected at the border."""
    radius = min(math.ceil(4 * sigma), min(field.shape[2:]) - 1)
    kernel = _gaussian(radius, sigma, field.device)
    padded = F.pad(field, (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[:, :, :, None], groups=2), kernel[:, :, None, :], groups=2)


def erasing(images: Tensor, draws: Draws, stream: str, *, probability: float, area: float) -> Tensor:
    """A square of up to the share `area` set to 0, drawn as by torchvision's RandomErasing (Zhong et al. 2020)."""
    height, width = images.shape[-2:]
    u = draws.host(stream, 4)
    side = np.sqrt(u[:, 1] * area * height * width).round().clip(max=min(height, width))
    top, left = np.floor(u[:, 2] * (height - side + 1)), np.floor(u[:, 3] * (width - side + 1))
    y, x = np.arange(height), np.arange(width)
    rows = (y >= top[:, None]) & (y < (top + side)[:, None])
    columns = (x >= left[:, None]) & (x < (left + side)[:, None]) & (u[:, :1] < probability)
    edges = on_device(np.concatenate([rows, columns], 1), images.device)
    return images.masked_fill(edges[:, None, :height, None] & edges[:, None, None, height:], 0.0)


def flip(images: Tensor, draws: Draws, stream: str, *, horizontal: float, vertical: float) -> Tensor:
    """Mirrored left to right, and top to bottom, with these probabilities."""
    u = draws.host(stream, 2)
    for column, probability, axis in ((0, horizontal, 3), (1, vertical, 2)):
        mirrored = u[:, column] < probability
        if mirrored.any():
            chosen = on_device(mirrored, images.device).view(-1, 1, 1, 1)
            images = torch.where(chosen, images.flip(axis), images)
    return images


def resample(images: Tensor, draws: Draws, stream: str, *, size: int) -> Tensor:
    """Every image through `size` x `size` pixels and back: the control for a generator of that resolution."""
    small = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)


def gaussian_noise(images: Tensor, draws: Draws, stream: str, *, sigma: float) -> Tensor:
    """Independent Gaussian noise of standard deviation `sigma` (full scale is 1) on every value."""
    return images + sigma * draws.normal(stream, *images.shape[1:])
