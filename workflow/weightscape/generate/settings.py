"""Settings of the stage `generate`; `config.yaml` has their values, its schema their ranges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weightscape.generate.model_settings import ModelSettings


@dataclass(frozen=True)
class SamplingSettings:
    sampler_steps: int
    guidance_below: float  # share of the time of the noise, in (0, 1]


@dataclass(frozen=True)
class Ddpm:
    """The model that is trained here makes the images `first` up to, but without, `last` of every class."""

    kind: Literal["ddpm"]
    model: ModelSettings
    sampling: SamplingSettings
    first: int
    last: int


@dataclass(frozen=True)
class PipelineSettings:
    """A pipeline of diffusers, and what a recipe asks of it."""

    model: str  # hub id or folder
    revision: str | None
    variant: str | None
    size: int  # px
    prompts: tuple[str, ...]  # one is drawn for each image
    styles: tuple[str, ...]  # one is drawn for each image and added to its prompt
    class_words: Mapping[str, str]
    negative_prompt: str
    steps: int
    scheduler: str  # `default`, or a class of diffusers
    dtype: str
    lora: str | None  # folder
    offload: Literal["none", "model", "sequential"]  # parts that wait in the CPU's memory
    safety_checker: bool
    strength: float  # of variations
    batch_size: int


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of diffusers makes one of `shards` equal stretches of `images_per_class` images of every class."""

    kind: Literal["text_to_image", "image_to_image"]
    pipeline: PipelineSettings
    contents: tuple[str, ...]  # digests of the user's files: model and LoRA weights
    images_per_class: int
    shard: int
    shards: int


@dataclass(frozen=True)
class JudgeGate:
    """The judge of stage 2 looks at every image."""

    kind: Literal["judge"]
    duplicate_distance: float  # cosine distance of features below which two images are near-duplicates
    filter: bool  # leaves out the images that do not pass


@dataclass(frozen=True)
class ZeroShotGate:
    """CLIP looks at every image."""

    kind: Literal["zero_shot"]
    model: str  # hub id or folder
    revision: str | None
    prompt: str
    class_words: Mapping[str, str]
    contents: tuple[str, ...]  # digests of the user's model
    duplicate_distance: float
    filter: bool


@dataclass(frozen=True)
class GenerateSettings:
    generator: str
    recipe: str
    guidance: float
    source: Ddpm | Pipeline
    gate: JudgeGate | ZeroShotGate | None
    seed: int


def in_words(class_words: Mapping[str, str], name: str) -> str:
    """A class's name as a text has it: the words that the config gives for it, or its parts."""
    return class_words.get(name, name.replace("_", " ").replace("-", " "))
