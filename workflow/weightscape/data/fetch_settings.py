"""Settings of the stage `fetch`: the asset that it downloads or checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weightscape.data.settings import Parts


@dataclass(frozen=True)
class TorchvisionAsset:
    """A data set of torchvision."""

    kind: Literal["torchvision"]
    name: str
    parts: Parts
    options: Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class HuggingfaceAsset:
    """A data set of the hub."""

    kind: Literal["huggingface"]
    path: str
    configuration: str | None
    revision: str | None
    parts: Parts


@dataclass(frozen=True)
class BackboneAsset:
    """The weights that timm names."""

    kind: Literal["backbone"]
    model: str


@dataclass(frozen=True)
class ModelAsset:
    """A pipeline of diffusers or a model of transformers, of the hub or in a folder."""

    kind: Literal["model"]
    model: str
    revision: str | None


FetchSettings = TorchvisionAsset | HuggingfaceAsset | BackboneAsset | ModelAsset
