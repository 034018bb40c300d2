"""Augmentations by geometry (affine, elastic, erasing, flip, a passage through a lower resolution) and by noise.

Images are float [n, c, h, w] in [0, 1]; outside of the image is 0.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from weightscape.augmentations.draws import Draws


def affine(
    images: Tensor, draws: Draws, stream: str, *, degrees: float, translate: float, scale: float, shear: float
) -> Tensor:
    """Rotation and shear along x in degrees, shift in sides, zoom 1 +- scale, as torchvision's RandomAffine."""
    u = 2 * draws.uniform(stream, 5) - 1
    angle, lean = u[:, 0] * math.radians(degrees), (u[:, 1] * math.radians(shear)).tan()
    cosine, sine = angle.cos(), angle.sin()
    # The inverse of (shift) (rotation) (shear along x) (zoom), in the coordinates [-1, 1] of the output.
    rows = torch.stack([cosine - sine * lean, cosine * lean + sine, -sine, cosine], 1).view(-1, 2, 2)
    linear = rows / (1 + u[:, 2] * scale).view(-1, 1, 1)
    shift = -2 * translate * linear @ u[:, 3:, None]
    return warped(images, torch.cat([linear, shift], 2))


def warped(images: Tensor, matrix: Tensor, mode: str = "bilinear") -> Tensor:
    """Maps each image by an affine matrix of its own: `matrix` [n, 2, 3] from output to input, sides being [-1, 1]."""
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=mode, padding_mode="zeros", align_corners=False)


def elastic(images: Tensor, draws: Draws, stream: str, *, alpha: float, sigma: float) -> Tensor:
    """Displacements in [-1, 1], smoothed over `sigma` px (Simard et al. 2003), x `alpha` / 2 as torchvision's."""
    n, _, height, width = images.shape
    shift = 2 * draws.uniform(stream, 2, height, width) - 1
    shift = _smoothed(shift, sigma) * alpha
    scale = torch.tensor([1 / width, 1 / height], device=images.device).view(1, 2, 1, 1)
    identity = torch.eye(2, 3, device=images.device).expand(n, 2, 3)
    grid = F.affine_grid(identity, list(images.shape), align_corners=False) + (shift * scale).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _smoothed(field: Tensor, sigma: float) -> Tensor:
    """A field [n, 2, h, w] convolved with a separable Gaussian, reflected at the border."""
    radius = min(math.ceil(4 * sigma), min(field.shape[2:]) - 1)
    x = torch.arange(-radius, radius + 1, device=field.device, dtype=field.dtype)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(2, 1, -1)
    padded = F.pad(field, (radius,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[:, :, :, None], groups=2), kernel[:, :, None, :], groups=2)


def erasing(images: Tensor, draws: Draws, stream: str, *, probability: float, area: float) -> Tensor:
    """A square of up to the share `area` set to 0, drawn as by torchvision's RandomErasing (Zhong et al. 2020)."""
    n, _, height, width = images.shape
    u = draws.uniform(stream, 4)
    side = torch.sqrt(u[:, 1] * area * height * width).round().clamp(max=min(height, width))
    top, left = (u[:, 2] * (height - side + 1)).floor(), (u[:, 3] * (width - side + 1)).floor()
    y, x = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    rows = (y >= top[:, None]) & (y < (top + side)[:, None])
    columns = (x >= left[:, None]) & (x < (left + side)[:, None])
    hole = rows[:, :, None] & columns[:, None, :] & (u[:, 0] < probability).view(n, 1, 1)
    return images.masked_fill(hole[:, None], 0.0)


def flip(images: Tensor, draws: Draws, stream: str, *, horizontal: float, vertical: float) -> Tensor:
    """Mirrored left to right, and top to bottom, with these probabilities."""
    u = draws.uniform(stream, 2)
    for column, probability, axis in ((0, horizontal, 3), (1, vertical, 2)):
        images = torch.where((u[:, column] < probability).view(-1, 1, 1, 1), images.flip(axis), images)
    return images


def resample(images: Tensor, draws: Draws, stream: str, *, size: int) -> Tensor:
    """Every image through `size` x `size` pixels and back: the control for a generator of that resolution."""
    small = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)


def gaussian_noise(images: Tensor, draws: Draws, stream: str, *, sigma: float) -> Tensor:
    """Independent Gaussian noise of standard deviation `sigma` (full scale is 1) on every value."""
    return images + sigma * draws.normal(stream, *images.shape[1:])
