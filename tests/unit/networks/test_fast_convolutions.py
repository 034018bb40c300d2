import pytest
import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from weightscape.networks.fast_convolutions import DepthwiseConv2d, PointwiseConv2d, for_small_maps


@pytest.mark.parametrize("side", [(1, 1), (2, 2), (3, 3), (4, 4), (7, 7), (1, 2), (3, 2), (2, 5)], ids=str)
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1)])
@pytest.mark.parametrize("kind", ["whole", "depthwise", "same"])
def test_values_and_gradients_are_those_of_conv2d(side: tuple[int, int], kernel: int, stride: int, kind: str) -> None:
    torch.manual_seed(0)
    groups = 1 if kind == "whole" else 8
    layers = [
        Conv2dSame(8, 8, kernel, stride, groups=groups)
        if kind == "same"
        else nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=groups, bias=kernel == 3)
        for _ in range(2)
    ]
    layers[1].load_state_dict(layers[0].state_dict())
    for_small_maps(layers[1])
    x = torch.randn(4, 8, *side).contiguous(memory_format=torch.channels_last)
    results = []
    for layer in layers:
        inputs = x.clone().requires_grad_()
        output = layer(inputs)
        output.square().sum().backward()
        assert inputs.grad is not None and layer.weight.grad is not None
        results.append((output.detach(), inputs.grad, layer.weight.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_a_network_keeps_its_names_and_uses_both_kinds() -> None:
    model = timm.create_model("tf_efficientnet_lite0", num_classes=10)
    names = list(model.state_dict())
    for_small_maps(model)
    kinds = [type(module) for module in model.modules()]
    assert list(model.state_dict()) == names
    assert kinds.count(PointwiseConv2d) > 20 and kinds.count(DepthwiseConv2d) > 10
