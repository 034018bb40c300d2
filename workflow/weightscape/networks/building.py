"""Networks through timm by name, with a new linear head, and what they see: size, channels, mean and spread.

`resnet18_3x3` is ResNet-18 with a stem for small images: a 3 x 3 convolution of stride 1, then timm's own pooling.
`vit_tiny_patch4_32` is timm's `vit_tiny` on images of 32 px in patches of 4, wherever timm has no network of that name.

The image towers of CLIP (`*_clip*`) end in a projection to the space that images share with texts. timm puts a new
head in its place; here the projection stays and a linear head is put on it, as in linear probes and in the published
study. Tensors keep timm's names; the head is called `classifier` below the projection.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightscape.errors import UserError
from weightscape.networks.fast_convolutions import for_small_maps
from weightscape.networks.settings import TIMM_ARGUMENTS, InputSettings

SMALL_STEM = "_3x3"
SMALL_PATCHES = re.compile(r"([a-z0-9_]+)_patch(\d+)_(\d+)")


def network(model: str, classes: int, dropout: Mapping[str, float] | None = None, seed: int = 0) -> nn.Module:
    """timm's `model` with a head for `classes`; `dropout` gives the rate of each of `DROPOUTS` that drops.

    Weights that no file gives (all of them, from scratch) are the network's own initialisation, drawn from `seed`.
    """
    rates = {place: rate for place, rate in (dropout or {}).items() if rate > 0}
    given: dict[str, float] = {TIMM_ARGUMENTS[place]: rate for place, rate in rates.items() if place in TIMM_ARGUMENTS}
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = built(model, classes, **given)
    except TypeError as error:
        places = ", ".join(sorted(set(rates) - {"block"}))
        raise UserError(
            f"dropout in {places} was asked for, but timm's {model!r} cannot do it ({error}): choose among head, path "
            "and block, and attention and mlp for networks with attention"
        ) from None
    if "block" in rates:
        _drop_after_blocks(net, model, rates["block"])
    if "attention" in rates:
        unfuse_attention(net)
    return net


def _drop_after_blocks(net: nn.Module, model: str, rate: float) -> None:
    blocks = [module for module in net.modules() if hasattr(module, "drop_path") or hasattr(module, "drop_path1")]
    if not blocks:
        raise UserError(f"dropout in block was asked for, but timm's {model!r} has no residual blocks: choose head")
    for block in blocks:
        dropout = nn.Dropout(rate)
        block.add_module("block_dropout", dropout)
        block.register_forward_hook(lambda module, inputs, output, dropout=dropout: dropout(output))


def unfuse_attention(model: nn.Module) -> None:
    """Compute attention step by step, in every condition alike.

    A fused kernel drops attention weights where nothing sees it, and on CUDA its backward pass does not repeat.
    """
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # pyright: ignore[reportArgumentType]


def built(model: str, classes: int, **options: Any) -> nn.Module:
    """The network with a head for `classes`; 0 for none, which gives the embedding. `options` go to timm."""
    if is_clip(model):
        return _with_head(_created(model, **options | {"drop_rate": 0.0}), classes, options.get("drop_rate", 0.0))
    if model.endswith(SMALL_STEM):
        return _with_small_stem(_created(model.removesuffix(SMALL_STEM), num_classes=classes, **options))
    name, cut = in_timms_words(model)
    if not cut:
        return _created(model, num_classes=classes, **options)
    try:
        return _created(name, num_classes=classes, **cut, **options)
    except (TypeError, AssertionError) as error:
        raise UserError(f"backbone model {model!r}: timm's {name!r} does not cut images so ({error})") from None


def is_timms(model: str) -> bool:
    """Whether timm has a network of this name, so that its stem was not changed here."""
    return not model.endswith(SMALL_STEM) and (SMALL_PATCHES.fullmatch(model) is None or timm.is_model(model))


def in_timms_words(model: str) -> tuple[str, dict[str, int]]:
    """timm's name of a network, and the arguments by which timm cuts images into its patches, if it has no such name.

    A small stem has no words there.
    """
    patches = None if is_timms(model) else SMALL_PATCHES.fullmatch(model)
    if patches is None:
        return model, {}
    name, patch, side = patches.groups()
    return name, {"patch_size": int(patch), "img_size": int(side)}


def is_clip(model: str) -> bool:
    """Whether a model is an image tower of CLIP."""
    return "_clip" in model.split(".")[0]


def _created(model: str, **options: Any) -> nn.Module:
    try:
        return timm.create_model(model, **options)
    except RuntimeError as error:
        raise UserError(f"backbone model {model!r} is unknown to timm ({error}): see timm.list_models()") from None


class Projection(nn.Linear):
    """The projection of a CLIP tower, with a linear head on it."""

    def __init__(self, old: nn.Linear, classes: int, dropout: float) -> None:
        super().__init__(old.in_features, old.out_features, bias=old.bias is not None)
        self.load_state_dict(old.state_dict())
        self.drop = nn.Dropout(dropout)
        self.classifier = nn.Linear(old.out_features, classes)

    def forward(self, input: Tensor) -> Tensor:
        """Pooled features [n, width] to logits [n, classes]."""
        return self.classifier(self.drop(super().forward(input)))


def _with_head(net: nn.Module, classes: int, dropout: float) -> nn.Module:
    if classes == 0:
        return net
    config: Any = net.default_cfg
    name = config["classifier"]
    parent, _, leaf = name.rpartition(".")
    old = net.get_submodule(name)
    if not isinstance(old, nn.Linear):
        raise UserError(f"the CLIP tower has no projection at {name!r}, but {type(old).__name__}: use another model")
    setattr(net.get_submodule(parent), leaf, Projection(old, classes, dropout))
    changed: Any = {**_plain(config), "classifier": f"{name}.classifier"}
    net.default_cfg = changed
    return net


def _plain(config: Any) -> dict[str, Any]:
    return dict(config) if isinstance(config, dict) else config.to_dict()


def _with_small_stem(net: nn.Module) -> nn.Module:
    old = getattr(net, "conv1", None)
    if not isinstance(old, nn.Conv2d):
        raise UserError(f"the suffix {SMALL_STEM!r} is for residual networks, whose stem is one convolution")
    stem = nn.Conv2d(old.in_channels, old.out_channels, 3, stride=1, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")
    net.conv1 = stem  # pyright: ignore[reportAttributeAccessIssue]
    return net


def head_name(model: nn.Module) -> str:
    """Name of the classifier layer, whose parameters are the head."""
    config: Any = model.default_cfg
    name = config["classifier"]
    return name if isinstance(name, str) else name[0]


def head_parameters(model: nn.Module) -> list[str]:
    """Names of the head's parameters in the state dict."""
    prefix = head_name(model) + "."
    return [name for name, _ in model.named_parameters() if name.startswith(prefix)]


def initialise_head(model: nn.Module, seed: int) -> None:
    """Draw the head anew: U(-1/sqrt(d), 1/sqrt(d)) for d inputs, PyTorch's default for linear layers.

    timm's own choice for this family is uniform in the number of classes and starts at a loss of 8.
    """
    parameters = dict(model.named_parameters())
    source = torch.Generator().manual_seed(seed)
    names = head_parameters(model)
    bound = parameters[next(n for n in names if n.endswith("weight"))].shape[1] ** -0.5
    for name in names:
        values = (2 * torch.rand(parameters[name].shape, generator=source) - 1) * bound
        parameters[name].data.copy_(values)


def load_weights(model: nn.Module, tensors: Mapping[str, np.ndarray]) -> None:
    """Copy tensors into the network by name; each must exist there and have its shape."""
    state = model.state_dict()
    for name, array in tensors.items():
        if name not in state:
            raise UserError(f"weights: tensor {name!r} is not part of the network: use the weights of this network")
        if tuple(state[name].shape) != array.shape:
            raise UserError(
                f"weights: tensor {name!r} has shape {list(array.shape)}, but the network needs "
                f"{list(state[name].shape)}: use the weights of this network"
            )
        state[name].copy_(torch.from_numpy(array))


def tensors_of(model: nn.Module) -> dict[str, np.ndarray]:
    """The network's weights and buffers as numpy arrays, without batch counters."""
    return {
        name: tensor.detach().cpu().numpy()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def prepared(model: nn.Module, device: torch.device, batch_norm_momentum: float | None = None) -> nn.Module:
    """The network on its device in the layout that is fastest there."""
    if batch_norm_momentum is not None:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = batch_norm_momentum
    if device.type == "cpu":
        for_small_maps(model)
    model.to(device)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.ndim == 4:  # the network's own way to this layout takes no tensor of five axes
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model


def as_input(images: Tensor, form: InputSettings) -> Tensor:
    """Brings images [n, c, h, w] in [0, 1] into the form of the network: its size, three channels, normalised."""
    side = form.size
    if images.shape[-2:] != (side, side):
        smaller = side < max(images.shape[-2:])  # then every pixel is a mean over all that it covers
        images = F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=smaller)
    mean, spread = normalisation(form, images.device)
    images = images.expand(-1, mean.shape[1], -1, -1)
    return ((images - mean) / spread).contiguous(memory_format=torch.channels_last)


@functools.cache
def normalisation(form: InputSettings, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the channels, [1, c, 1, 1] each, made once for a device."""
    with torch.inference_mode(False):
        mean, spread = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (form.mean, form.std))
    return mean, spread


def as_unit(images: Tensor) -> Tensor:
    """uint8 [0, 255] to float [0, 1]."""
    return images.to(torch.float32) / 255
