"""Batch normalisation folded into the convolution before it, for networks that only predict.

In evaluation mode y = g (W x + b - m) / sqrt(v + eps) + h is a convolution too, with the weight W g / sqrt(v + eps) and
the bias (b - m) g / sqrt(v + eps) + h (Jacob et al. 2018, section 3.2). The pairs are found in torch's graph of the
forward pass: a normalisation whose input is the output of a convolution that nothing else reads.
"""

import copy
from collections.abc import Iterator

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from weightscape.networks.fast_convolutions import for_small_maps


class _Tracer(fx.Tracer):
    """Sees convolutions and normalisations as wholes, those of timm with their activation too."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.Conv2d | nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def folded(network: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode without the normalisations that can be folded; itself if there are none.

    Logits agree up to rounding. A network whose forward pass torch cannot trace is returned as it is.
    """
    try:
        pairs = list(_pairs(network))
    except Exception:  # a forward pass that depends on its input's values or shape; torch raises errors of many kinds
        return network
    if not pairs:
        return network
    network = copy.deepcopy(network)
    for conv, norm in pairs:
        _fold(network, conv, norm)
    return for_small_maps(network)


def _pairs(network: nn.Module) -> Iterator[tuple[str, str]]:
    """The names of each convolution and the normalisation of its output."""
    modules = dict(network.named_modules())
    calls = [node for node in _Tracer().trace(network).nodes if node.op == "call_module"]
    targets = [str(node.target) for node in calls]
    for norm, node in zip(targets, calls, strict=True):
        before = node.args[0]
        if not (isinstance(before, fx.Node) and before.op == "call_module" and len(before.users) == 1):
            continue
        conv = str(before.target)
        if (
            isinstance(modules[norm], nn.BatchNorm2d)
            and modules[norm].track_running_stats
            and isinstance(modules[conv], nn.Conv2d)
            and targets.count(conv) == targets.count(norm) == 1
        ):
            yield conv, norm


def _fold(network: nn.Module, conv_name: str, norm_name: str) -> None:
    """Give a convolution the normalisation's factors, and leave of the latter its activation, if it has one."""
    conv, norm = network.get_submodule(conv_name), network.get_submodule(norm_name)
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    moments = norm.running_mean, norm.running_var, norm.eps
    conv.weight, conv.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *moments, norm.weight, norm.bias)
    parent, _, name = norm_name.rpartition(".")
    rest = [part for part in (getattr(norm, "drop", None), getattr(norm, "act", None)) if part is not None]
    setattr(network.get_submodule(parent), name, nn.Sequential(*rest))
