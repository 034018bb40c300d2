import pytest
import timm
import torch
from torch import nn

from weightscape.networks.fast_convolutions import DepthwiseConv2d, PointwiseConv2d, for_small_maps


@pytest.mark.parametrize("side", [1, 2, 3, 7])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("depthwise", [True, False])
def test_values_and_gradients_are_those_of_conv2d(side: int, kernel: int, depthwise: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 8, kernel, padding=kernel // 2, groups=8 if depthwise else 1, bias=False)
    fast = nn.Conv2d(8, 8, kernel, padding=kernel // 2, groups=8 if depthwise else 1, bias=False)
    fast.load_state_dict(plain.state_dict())
    for_small_maps(fast)
    x = torch.randn(4, 8, side, side).contiguous(memory_format=torch.channels_last)
    results = []
    for layer in (plain, fast):
        layer.zero_grad()
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
