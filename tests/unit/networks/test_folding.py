"""Networks without their batch normalisations against the networks themselves."""

import pytest
import timm
import torch
from torch import nn

from weightscape.networks.building import network, prepared
from weightscape.networks.folding import folded


def trained(model: str, side: int, **arguments: object) -> tuple[nn.Module, torch.Tensor]:
    """A network whose normalisations have statistics and factors of their own, and images."""
    torch.manual_seed(0)
    net = timm.create_model(model, num_classes=7, **arguments)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    return net.eval(), torch.randn(3, 3, side, side)


def norms(net: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())


@pytest.mark.parametrize(
    ("model", "side", "left"),
    [
        ("tf_efficientnet_lite0", 24, 0),
        ("tf_efficientnet_lite0", 64, 0),
        ("resnet18", 64, 0),
        ("mobilenetv2_050", 32, 0),
        ("resnetv2_18", 64, 9),
        ("regnety_002", 32, 0),
        ("densenet121", 64, 62),
        ("vit_tiny_patch16_224", 224, 0),
    ],
)
def test_logits_agree_with_those_of_the_whole_network(model, side, left):
    net, images = trained(model, side)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with torch.no_grad():
        expected, found = net(images), folded(net)(images)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert torch.equal(found.argmax(1), expected.argmax(1))
    assert norms(folded(net)) == left
    assert all(torch.equal(tensor, net.state_dict()[name]) for name, tensor in before.items())


def test_logits_agree_on_the_layout_of_the_workflow():
    net = prepared(network("tf_efficientnet_lite0", 10), torch.device("cpu")).eval()
    images = torch.rand(5, 3, 24, 24).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.allclose(folded(net)(images), net(images), atol=1e-5)
    assert norms(folded(net)) == 0


def test_a_convolution_that_is_read_twice_keeps_its_normalisation():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.conv(x)
            return self.norm(y) + y

    net = Twice().eval()
    assert folded(net) is net


def test_a_convolution_that_is_called_twice_keeps_its_normalisations():
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.first, self.second = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.conv(self.first(self.conv(x))))

    net = Shared().eval()
    assert folded(net) is net


def test_a_network_that_cannot_be_traced_stays_as_it_is():
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.conv(x)) if x.mean() > 0 else x

    net = Branching().eval()
    assert folded(net) is net
