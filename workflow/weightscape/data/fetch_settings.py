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
    """A model of transformers, of the hub or in a folder."""

    kind: Literal["model"]
    model: str
    revision: str | None


@dataclass(frozen=True)
class PipelineAsset:
    """A pipeline of diffusers, of the hub or in a folder."""

    kind: Literal["pipeline"]
    model: str
    revision: str | None
    variant: str | None  # of the files, such as fp16
    safety_checker: bool  # whether it is used


FetchSettings = TorchvisionSet | HubSet | BackboneAsset | ModelAsset | PipelineAsset
