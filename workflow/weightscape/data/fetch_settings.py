"""Settings of the stage `fetch`: the asset that it downloads or checks."""

from dataclasses import dataclass
from typing import Literal

from weightscape.data.settings import HubSet, TorchvisionSet


@dataclass(frozen=True)
class BackboneAsset:
    kind: Literal["backbone"]
    model: str


@dataclass(frozen=True)
class ModelAsset:
    """A pipeline of diffusers or a model of transformers, of the hub or in a folder."""

    kind: Literal["model"]
    model: str
    revision: str | None


FetchSettings = TorchvisionSet | HubSet | BackboneAsset | ModelAsset
