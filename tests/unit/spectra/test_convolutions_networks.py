"""Groups of the convolutions of real networks, seen by names and shapes alone: right, or a status."""

import pytest
import timm
import torch

from weightscape.spectra.matrices import Part, parts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

GROUPED = (
    "bat_resnext26ts", "dpn48b", "gcresnext26ts", "nextvit_small", "regnetz_d32", "resnest50d_1s4x24d",
    "resnest50d_4s2x40d", "resnet51q", "resnext50_32x4d", "regnety_002", "seresnext26ts", "repvgg_b1g4",
    "cpubone_t0", "cpubone_s0", "cpubone_b3", "convnext_tiny", "ghostnet_100", "shufflenet_v2_x1_0", "tiny_vit_5m_224",
)  # fmt: skip
WHOLE = ("resnet18", "resnet50", "densenet121", "inception_v3", "res2net50_26w_4s", "dla34", "vovnet39a", "vgg11_bn")


def seen(model: str) -> tuple[torch.nn.Module, dict[str, list[Part]]]:
    """A network without weights, and the parts of each key that its names and shapes tell."""
    with torch.device("meta"):
        net = timm.create_model(model)
    found: dict[str, list[Part]] = {}
    for part in parts({key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}):
        found.setdefault(part.key, []).append(part)
    return net, found


@pytest.mark.parametrize("model", [name for name in (*GROUPED, *WHOLE) if timm.is_model(name)])
def test_a_convolution_has_its_groups_or_a_status(model: str) -> None:
    net, found = seen(model)
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d):
            part = found[f"{name}.weight"][0]
            assert part.groups == module.groups or part.status != "ok" or part.remark, name


@pytest.mark.parametrize("model", WHOLE)
def test_a_network_without_groups_has_none_that_is_doubted(model: str) -> None:
    assert [part.layer for own in seen(model)[1].values() for part in own if part.remark] == []
