"""The networks that timm builds by name, and two departures from it.

`resnet18_3x3` is ResNet-18 with a stem for small images: a 3 x 3 convolution of stride 1, then timm's own pooling.

The image towers of CLIP (`*_clip*`) end in a projection to the space that images share with texts. timm puts a new
head in its place; here the projection stays and a linear head is put on it, as in linear probes and in the published
study. Tensors keep timm's names; the head is called `classifier` below the projection.
"""

from typing import Any

import timm
from torch import Tensor, nn

from weightscape.errors import UserError

SMALL_STEM = "_3x3"


def built(model: str, classes: int, **options: Any) -> nn.Module:
    """The network with a head for `classes`; 0 for none, which gives the embedding. `options` go to timm."""
    if is_clip(model):
        return _with_head(_created(model, **options | {"drop_rate": 0.0}), classes, options.get("drop_rate", 0.0))
    net = _created(model.removesuffix(SMALL_STEM), num_classes=classes, **options)
    return _with_small_stem(net) if model.endswith(SMALL_STEM) else net


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
