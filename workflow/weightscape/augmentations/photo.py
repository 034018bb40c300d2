"""The fourteen operations that automatic policies choose from, on a batch, with a magnitude for each image.

Images are float [n, c, h, w] in [0, 1]; magnitudes are float [n], in the units of torchvision's `AutoAugment`
(https://docs.pytorch.org/vision/stable/transforms.html), with whose functions these agree at each magnitude.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as tv
from torch import Tensor

from weightscape.augmentations.geometry import warped

GREY = (0.2989, 0.587, 0.114)  # weights of red, green and blue in the luma of ITU-R BT.601


def apply(images: Tensor, chosen: Tensor, magnitudes: Tensor) -> Tensor:
    """Images after the operation `chosen` [n] (an index into OPERATIONS) of each, at its magnitude."""
    result = images.clone()
    for index in chosen.unique().tolist():
        rows = chosen == index
        result[rows] = OPERATIONS[NAMES[index]](images[rows], magnitudes[rows])
    return result


def _blended(images: Tensor, others: Tensor, magnitudes: Tensor) -> Tensor:
    """others + (1 + magnitude) (images - others), clamped."""
    return torch.lerp(others, images, (1 + magnitudes).view(-1, 1, 1, 1)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(GREY, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def _brightness(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _blended(images, torch.zeros_like(images), magnitudes)


def _colour(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _blended(images, _grey(images).expand_as(images), magnitudes)


def _contrast(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _blended(images, _grey(images).mean((1, 2, 3), keepdim=True).expand_as(images), magnitudes)


def _sharpness(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Against the image smoothed by a 3 x 3 kernel with a heavy centre; the border stays."""
    channels = images.shape[1]
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = F.conv2d(images, (kernel / 13).expand(channels, 1, 3, 3), groups=channels)
    return _blended(images, smooth, magnitudes)


def _posterize(images: Tensor, magnitudes: Tensor) -> Tensor:
    """The leading `magnitude` bits of 8 are kept."""
    step = 2 ** (8 - magnitudes.round()).view(-1, 1, 1, 1)
    return torch.div((images * 255).round(), step, rounding_mode="floor") * step / 255


def _solarize(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Values from the threshold on (in [0, 1]) are inverted."""
    return torch.where(images >= magnitudes.view(-1, 1, 1, 1), 1 - images, images)


def _autocontrast(images: Tensor, magnitudes: Tensor) -> Tensor:
    return tv.autocontrast(images)


def _equalize(images: Tensor, magnitudes: Tensor) -> Tensor:
    return tv.equalize((images * 255).round().to(torch.uint8)).to(images.dtype) / 255


def _invert(images: Tensor, magnitudes: Tensor) -> Tensor:
    return 1 - images


def _same(images: Tensor, magnitudes: Tensor) -> Tensor:
    return images


def _moved(images: Tensor, places: dict[tuple[int, int], Tensor]) -> Tensor:
    """Nearest neighbours under a map from output to input that differs from the identity at these places [n]."""
    matrix = torch.eye(2, 3, device=images.device).repeat(len(images), 1, 1)
    for (row, column), values in places.items():
        matrix[:, row, column] = values
    return warped(images, matrix, mode="nearest")


def _shear_x(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Sheared about the upper edge by the magnitude, as in the paper."""
    height, width = images.shape[-2:]
    slope = magnitudes * height / width
    return _moved(images, {(0, 1): slope, (0, 2): slope})


def _shear_y(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Sheared about the left edge by the magnitude."""
    height, width = images.shape[-2:]
    slope = magnitudes * width / height
    return _moved(images, {(1, 0): slope, (1, 2): slope})


def _translate_x(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _moved(images, {(0, 2): -2 * magnitudes.trunc() / images.shape[-1]})


def _translate_y(images: Tensor, magnitudes: Tensor) -> Tensor:
    return _moved(images, {(1, 2): -2 * magnitudes.trunc() / images.shape[-2]})


def _rotate(images: Tensor, magnitudes: Tensor) -> Tensor:
    """Turned counter-clockwise about the centre by degrees."""
    height, width = images.shape[-2:]
    angle = magnitudes.deg2rad()
    cosine, sine = angle.cos(), angle.sin()
    return _moved(
        images, {(0, 0): cosine, (0, 1): -sine * height / width, (1, 0): sine * width / height, (1, 1): cosine}
    )


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Identity": _same,
    "ShearX": _shear_x,
    "ShearY": _shear_y,
    "TranslateX": _translate_x,
    "TranslateY": _translate_y,
    "Rotate": _rotate,
    "Brightness": _brightness,
    "Color": _colour,
    "Contrast": _contrast,
    "Sharpness": _sharpness,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "AutoContrast": _autocontrast,
    "Equalize": _equalize,
    "Invert": _invert,
}
"""By the names that the papers use."""

NAMES = list(OPERATIONS)
SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")
"""Operations whose magnitude has a random sign."""
