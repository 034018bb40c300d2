"""Convolutions on small feature maps, computed as what they are there: products.

At 32 px the last stages of a mobile network see maps of 1 x 1 and 2 x 2 pixels, where oneDNN's convolutions spend
most of their time on layout and padding. A pointwise convolution is a matrix product over pixels; a depthwise one on
a map that its kernel covers from every place (2 x 2 under 3 x 3, 3 x 3 under 5 x 5) is a product with the few taps that
meet it. Weights, names and results (up to rounding) are those of `nn.Conv2d`; on a CPU one training step of
EfficientNet-Lite0 at 32 px takes a third less time.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad

if TYPE_CHECKING:  # timm hides its class behind an export switch, so that the checker sees a plain module
    Conv2dSame = nn.Conv2d
else:
    from timm.layers.conv2d_same import Conv2dSame


class PointwiseConv2d(nn.Conv2d):
    """A 1 x 1 convolution as a matrix product."""

    def forward(self, input: Tensor) -> Tensor:
        """Maps [n, c, h, w] to [n, d, h, w]."""
        return linear(input.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution with zero padding on both sides."""

    def forward(self, input: Tensor) -> Tensor:
        """Maps [n, c, h, w] to [n, c, h', w']."""
        side, kernel, stride, before = max(input.shape[2:]), self.kernel_size[0], self.stride[0], int(self.padding[0])
        out = (side + 2 * before - kernel) // stride + 1
        if _covers(kernel, stride, before, input, out):
            return _tap_by_tap(input, self.weight, self.bias, stride, before, out)
        if side < kernel:  # oneDNN takes twice as long where its own padding is wider than the map
            return conv2d(pad(input, (before,) * 4), self.weight, self.bias, stride, groups=self.groups)
        return super().forward(input)


class DepthwiseConv2dSame(Conv2dSame):
    """A depthwise convolution with TensorFlow's padding: as much as the stride needs, the odd pixel last."""

    def forward(self, input: Tensor) -> Tensor:
        """Maps [n, c, h, w] to [n, c, ceil(h / stride), ceil(w / stride)]."""
        side, kernel, stride = max(input.shape[2:]), self.kernel_size[0], self.stride[0]
        out = -(-side // stride)
        before = max((out - 1) * stride + kernel - side, 0) // 2
        if _covers(kernel, stride, before, input, out):
            return _tap_by_tap(input, self.weight, self.bias, stride, before, out)
        return super().forward(input)


def _covers(kernel: int, stride: int, before: int, x: Tensor, out: int) -> bool:
    """Whether each output pixel of a square map sees all of it: every pair of pixels meets in a tap of the kernel."""
    side, width = x.shape[2:]
    return side == width and side - 1 + before < kernel and before >= stride * (out - 1)


def _tap_by_tap(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, before: int, out: int) -> Tensor:
    """Depthwise convolution of maps [n, c, h, h] with weight [c, 1, k, k] and bias [c], `before` zeros at their start.

    Every pair of an output and an input pixel meets in one tap.
    """
    n, channels, side, _ = x.shape
    taps = weight.squeeze(1).permute(1, 2, 0)
    if side == 1:
        product = x * taps[before, before].view(1, -1, 1, 1)
        return product if bias is None else product + bias.view(1, -1, 1, 1)
    pixels, starts = x.permute(0, 2, 3, 1).flatten(1, 2), [before - stride * at for at in range(out)]
    met = [taps[row : row + side, column : column + side].flatten(0, 1) for row in starts for column in starts]
    sums = torch.stack([(pixels * those).sum(1) for those in met], 1)
    return (sums if bias is None else sums + bias).view(n, out, out, channels).permute(0, 3, 1, 2)


def for_small_maps(network: nn.Module) -> nn.Module:
    """The network with such convolutions in place of the plain ones; parameters are shared and keep their names."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.dilation == (1, 1):
            module.__class__ = _replacement(module)
    return network


def _replacement(conv: nn.Conv2d) -> type[nn.Conv2d]:
    """The class that computes what `conv` does, faster on small maps; its own class where there is none."""
    kernel, stride = conv.kernel_size, conv.stride
    depthwise = conv.groups == conv.in_channels == conv.out_channels
    overhangs = kernel[0] == kernel[1] >= 3 and kernel[0] % 2 == 1 and stride[0] == stride[1] <= 2
    if type(conv) is Conv2dSame:
        return DepthwiseConv2dSame if depthwise and overhangs else Conv2dSame
    if type(conv) is not nn.Conv2d:
        return type(conv)
    if kernel == (1, 1) and conv.groups == 1 and stride == (1, 1) and conv.padding == (0, 0):
        return PointwiseConv2d
    centred = conv.padding == (kernel[0] // 2, kernel[0] // 2)
    return DepthwiseConv2d if depthwise and overhangs and centred else nn.Conv2d
