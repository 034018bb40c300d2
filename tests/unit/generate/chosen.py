"""Settings of stage 2 for tests: those of config.yaml, with changes."""

from dataclasses import replace
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.formats.typed import from_json
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.generate.model_settings import TrainingSettings
from weightscape.generate.settings import Pipeline, PipelineSettings, ZeroShotGate
from weightscape.project import DEFAULT_CONFIG
from weightscape.study import generator_sizes

GENERATE = read_yaml(DEFAULT_CONFIG)["generate"]


def training(**changes: Any) -> TrainingSettings:
    """Of the diffusion model."""
    return replace(from_json(TrainingSettings, GENERATE["training"] | generator_sizes.PLAIN | {"steps": 1}), **changes)


def judge(**changes: Any) -> TrainJudgeSettings:
    """Of the judge."""
    return replace(from_json(TrainJudgeSettings, {**GENERATE["judge"], "seed": 0}), **changes)


def pipeline(**changes: Any) -> PipelineSettings:
    """Of a pipeline of diffusers."""
    return replace(from_json(PipelineSettings, GENERATE["pipeline"]), **changes)


def of_pipeline(settings: PipelineSettings, kind: Any = "text_to_image") -> Pipeline:
    """The only shard, of three images of every class."""
    return Pipeline(kind, settings, (), 3, 0, 1)


def zero_shot(**changes: Any) -> ZeroShotGate:
    """Of the gate by CLIP."""
    gate = ZeroShotGate("zero_shot", "/no/clip", None, "a photo of a {class}", {}, (), 0.05, False)
    return replace(gate, **changes)
