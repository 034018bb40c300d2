"""Layouts of fused attention against the forward passes of timm: which outputs reach queries, keys and values."""

import pytest
import timm
import torch
import torch.nn.functional as F

from weightscape.networks.structure import structure_in, structure_of
from weightscape.spectra.matrices import FACTOR, Known, parts


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("vit_tiny_patch16_224", 12),
        ("tiny_vit_5m_224", 10),
        ("coatnet_0_rw_224", 9),
        ("cpubone_t0", 5),
        ("lowformer_b0", 7),
    ],
)
def test_the_outputs_of_a_fused_weight_reach_just_the_piece_of_their_layout(model, count, monkeypatch):
    torch.manual_seed(0)
    net = timm.create_model(model).eval()
    layouts = structure_of(model).layouts
    outputs, calls, real = [], [], F.scaled_dot_product_attention
    for module in net.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = True  # pyright: ignore[reportArgumentType]
    for key in layouts:
        layer = net.get_submodule(key.removesuffix(".weight"))
        layer.register_forward_hook(lambda module, inputs, output, key=key: outputs.append((key, module, output)))

    def attention(q, k, v, *rest, **more):
        calls.append((outputs[-1], (q, k, v)))
        return real(q, k, v, *rest, **more)

    monkeypatch.setattr(F, "scaled_dot_product_attention", attention)
    net(torch.randn(1, 3, 224, 224))
    assert len(calls) == len(layouts) == count
    for (key, module, output), tensors in calls[::4]:
        places = torch.arange(len(module.weight)).reshape(layouts[key].repeats, -1)
        start = 0
        for piece, tensor in zip(layouts[key].pieces, tensors, strict=True):
            (gradient,) = torch.autograd.grad((tensor * torch.randn_like(tensor)).sum(), output, retain_graph=True)
            axis = 1 if isinstance(module, torch.nn.Conv2d) else -1
            reached = gradient.movedim(axis, 0).flatten(1).abs().amax(1).nonzero().ravel()
            expected = places[:, start : start + piece.length].ravel()
            start += piece.length
            assert torch.equal(reached, expected.sort().values)


@pytest.mark.parametrize("model", ["resnetv2_50x1_bit", "vit_small_r26_s32_224"])
def test_weights_that_a_network_standardises_are_named_and_not_measured(model):
    with torch.device("meta"):
        net = timm.create_model(model)
    structure, classes = structure_of(model), {name: type(module).__name__ for name, module in net.named_modules()}
    assert {classes[key.removesuffix(".weight")][:9] for key in structure.remade} == {"StdConv2d"}
    assert not structure_of("resnet18").remade + structure_of("resnet18").others
    found = parts({key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}, Known(structure))
    assert {part.key for part in found if part.status == FACTOR} == set(structure.remade)


def test_a_weight_of_three_axes_that_is_of_no_convolution_is_named():
    net = torch.nn.Sequential(torch.nn.Bilinear(9, 5, 7), torch.nn.Conv1d(4, 8, 3))
    assert structure_in(net).others == ("0.weight",)
    assert [part.remark[:5] for part in parts({"0.weight": (7, 9, 5)}, Known(structure_in(net)))] == ["whole"]


def test_groups_of_convolutions_are_those_of_the_modules():
    assert structure_of("resnext50_32x4d").groups["layer1.0.conv2.weight"] == 32
    assert structure_of("resnet18_3x3").groups["conv1.weight"] == 1
