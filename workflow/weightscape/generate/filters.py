"""Filter: an estimate of a clean image from a noisy one without learning, and the network that goes on from it.

A small network learns the smoothing of noise slowly, and that a figure has one colour hardly at all. The filter gives
both. It is the blend, best for the training images at each time, of

- the best linear estimate for images with the mean and the spectrum of the training images (Wiener, by cosines);
- means over all parts of the image whose linear estimate has about the same colour (non-local means: Buades et al.
  2005), of the noisy image and of that estimate.

The network tells what the blend lacks, in units of its error, along the image's own axes of colour: the directions in
which the blend varies most. A figure then looks alike in any pair of colours.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import fft
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d import UNet2DModel

INPUTS = 4
"""Pictures that the network sees: the blend and the means along the axes, the blend as it is, the noisy image."""
TIMES = 17  # at which the blend is fitted, from NOISE[0] to NOISE[1]; between them it is interpolated
NOISE = (0.02, 0.98)  # as shares of the noisiest time
FITTED = 128  # training images, at most, of the fit
KEYS = 16  # side of the grid of parts of the image, of which every other one is compared
LEAST = 0.02  # share of the image that noisy ones are divided by


class Filter(nn.Module):
    """The estimate, with what it knows of the training images as buffers."""

    image: torch.Tensor
    noise: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    mean: torch.Tensor
    spectrum: torch.Tensor
    blend: torch.Tensor
    error: torch.Tensor

    def __init__(self, scales: tuple[torch.Tensor, torch.Tensor], shape: tuple[int, ...]) -> None:
        super().__init__()
        for name, share in zip(("image", "noise"), scales, strict=True):
            self.register_buffer(name, share, persistent=False)
        for name, side in (("rows", shape[1]), ("columns", shape[2])):
            cosines = np.asarray(fft.dct(np.eye(side), axis=0, norm="ortho"), np.float32)
            self.register_buffer(name, torch.tensor(cosines), persistent=False)
        for name, kept in (("mean", shape), ("spectrum", shape), ("blend", (TIMES, 3)), ("error", (TIMES,))):
            self.register_buffer(name, torch.ones(kept))

    @torch.no_grad()
    def fit(self, images: torch.Tensor, seed: int) -> None:
        """Takes mean, spectrum, blend and error from training images [n, c, h, w]."""
        self.mean.copy_(images.mean(0))
        spread = (self.rows @ (images - self.mean) @ self.columns.T).square().sum(0) / max(1, len(images) - 1)
        self.spectrum.copy_(spread + 1e-4)  # no frequency is impossible
        stream = torch.Generator().manual_seed(seed)
        clean = images[torch.randperm(len(images), generator=stream)[:FITTED].to(images.device)]
        for row in range(TIMES):
            at = NOISE[0] + (NOISE[1] - NOISE[0]) * row / (TIMES - 1)
            times = torch.full((len(clean),), round(at * (len(self.image) - 1)), device=clean.device)
            noise = torch.randn(clean.shape, generator=stream).to(clean)
            noisy = self._share(self.image, times) * clean + self._share(self.noise, times) * noise
            parts = torch.stack([(part - self.mean).flatten() for part in self._parts(noisy, times)], 1)
            # In float64 on the host: not every device knows it.
            parts, wanted = parts.cpu().double(), (clean - self.mean).flatten().cpu().double()
            ridge = 1e-5 * len(parts) * float(self.spectrum.mean()) * torch.eye(3)
            weights = torch.linalg.solve(parts.T @ parts + ridge, parts.T @ wanted)
            self.blend[row] = weights.float()
            self.error[row] = (parts @ weights - wanted).square().mean().sqrt().float()

    def estimate(self, noisy: torch.Tensor, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The blend, and the means of the noisy image over parts of one colour."""
        parts = self._parts(noisy, times)
        weights = self._at(self.blend, times)
        shares = (weights[:, k].view(-1, 1, 1, 1) * (part - self.mean) for k, part in enumerate(parts))
        return self.mean + sum(shares), parts[1]

    def errors(self, times: torch.Tensor) -> torch.Tensor:
        """The root of the mean squared error of the blend at the time of each image, to be multiplied with images."""
        return self._at(self.error, times).view(-1, 1, 1, 1)

    def _share(self, shares: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        return shares[times.long()].view(-1, 1, 1, 1)

    def _at(self, table: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """Rows of a table between those of its times."""
        place = (times / (len(self.image) - 1) - NOISE[0]) / (NOISE[1] - NOISE[0]) * (TIMES - 1)
        place = place.clamp(0, TIMES - 1)
        row = place.long().clamp(max=TIMES - 2)
        part = (place - row).view(-1, *[1] * (table.ndim - 1))
        return table[row] * (1 - part) + table[row + 1] * part

    def _parts(self, noisy: torch.Tensor, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The linear estimate, and the means of the noisy image and of the estimate over parts of one colour."""
        image, noise = self._share(self.image, times), self._share(self.noise, times)
        power = image.square() * self.spectrum + noise.square()
        waves = self.rows @ (noisy - image * self.mean) @ self.columns.T
        linear = self.mean + self.rows.T @ (image * self.spectrum / power * waves) @ self.columns
        width = (self.spectrum * noise.square() / power).mean((1, 2, 3)).clamp(min=1e-6).view(-1, 1, 1)
        keys, values = (_keys(picture) for picture in (linear, noisy / image.clamp(min=LEAST)))
        # Minus half the squared distance of colours, without what a whole row shares.
        logits = linear.flatten(2).mT @ keys.mT - keys.square().sum(2)[:, None] / 2
        means = (logits / width).softmax(2) @ torch.cat([values, keys], 2)
        of_noisy, of_linear = means.mT.reshape(len(noisy), -1, *noisy.shape[2:]).chunk(2, 1)
        return linear, of_noisy, of_linear


class Continued(nn.Module):
    """A network of diffusers that goes on from a filter; called as the network is, on grids of blocks."""

    def __init__(self, net: "UNet2DModel", filtered: Filter, patch: int) -> None:
        super().__init__()
        self.net, self.filter, self.patch = net, filtered, patch

    def forward(
        self, grid: torch.Tensor, times: torch.Tensor, labels: torch.Tensor, return_dict: bool = False
    ) -> tuple[torch.Tensor]:
        """The clean grid; always a tuple."""
        times = times.expand(len(grid))
        kind = "cpu" if grid.is_meta else grid.device.type  # `meta`, on which costs are counted, has no autocast
        with torch.no_grad(), torch.autocast(kind, enabled=False):
            noisy = functional.pixel_shuffle(grid, self.patch)
            blend, means = self.filter.estimate(noisy, times)
            axes, middle, size = _axes(blend)
            image, noise = (self.filter._share(shares, times) for shares in (self.filter.image, self.filter.noise))
            spread = self.filter.spectrum.mean()
            pictures = (
                _turned(axes.mT, blend - middle) / size,
                _turned(axes.mT, means - middle) / size,
                blend / spread.sqrt(),
                _turned(axes.mT, noisy - image * middle) / (image.square() * spread + noise.square()).sqrt(),
            )
            seen = functional.pixel_unshuffle(torch.cat(pictures, 1), self.patch)
        lacking = functional.pixel_shuffle(self.net(seen, times, labels, return_dict=False)[0].float(), self.patch)
        clean = blend + self.filter.errors(times) * _turned(axes, lacking)
        return (functional.pixel_unshuffle(clean, self.patch),)


def _keys(pictures: torch.Tensor) -> torch.Tensor:
    """Colours of every other one of the parts of pictures, as on the black fields of a chess board, [n, parts, c]."""
    side = min(KEYS, *pictures.shape[2:])
    pooled = functional.adaptive_avg_pool2d(pictures, side)
    return torch.cat([pooled[:, :, start::2, start::2].flatten(2) for start in (0, 1)], 2).mT


def _axes(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The axes of colour as columns [n, c, c], the mean colour, and the variation along the first axis.

    Each axis points from the margin of a picture to its middle.
    """
    middle = pictures.mean((2, 3), keepdim=True)
    colours = (pictures - middle).flatten(2)
    products = colours @ colours.mT
    on_host = products.cpu() if products.device.type == "mps" else products  # torch has no `eigh` for Apple's GPUs
    axes = torch.linalg.eigh(on_host)[1].flip(2).to(products)
    down, across = (torch.sin(torch.pi * (torch.arange(side) + 0.5) / side) for side in pictures.shape[2:])
    window = (down[:, None] * across).flatten().to(pictures)
    along = axes.mT @ colours
    axes = axes * torch.where((along * (window - window.mean())).sum(2) < 0, -1.0, 1.0)[:, None]
    size = along[:, 0].square().mean(1).sqrt().view(-1, 1, 1, 1) + 0.1
    return axes, middle, size


def _turned(axes: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    return (axes @ pictures.flatten(2)).view(pictures.shape)
