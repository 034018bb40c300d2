"""The settings of the jobs of stages 1 and 2, from the config: real and synthetic images, networks and models."""

from pathlib import Path
from typing import Any

from weightscape.data import digits
from weightscape.formats.typed import from_json
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.generate.model_settings import ModelSettings, TrainGeneratorSettings, TrainingSettings
from weightscape.generate.quality_settings import MeasureQualitySettings
from weightscape.generate.settings import (
    Ddpm,
    GenerateSettings,
    JudgeGate,
    Pipeline,
    PipelineSettings,
    SamplingSettings,
    ZeroShotGate,
)
from weightscape.provenance.file_contents import content
from weightscape.seeds import seed
from weightscape.study import recipes, study
from weightscape.study.checks.own_files import KEYWORDS
from weightscape.study.study import Config


def data(config: Config, dataset: str, split: str) -> dict[str, Any]:
    block = config["data"][dataset]
    common = {"dataset": dataset, "split": split, "shards": config["study"]["shards"]}
    if split.startswith("ood-"):
        ood = block["ood"][split.removeprefix("ood-")]
        common |= {"ood": ood, "seed": seed(config["study"]["seed"], "data", dataset, split)}
        # labels are places in the list of the training classes, wherever the images lie
        places = [content(path, apart) for path, apart in _places(block, ood.get("root"))]
        own = {"block": _source(block), **({"contents": places} if places else {})}
        return common | (own if ood["source"] in study.OWN_SHIFTS else {})
    if block["source"] != digits.PACKAGED:
        whole = {"block": _source(block), "splits": block["splits"], **_own(_place(block), apart="ood")}
        return common | whole | {"seed": seed(config["study"]["seed"], "data", dataset)}
    return common | {
        "source": block["source"],
        "splits": block["splits"],
        "seed": seed(config["study"]["seed"], "data", dataset),
    }


def corrupt(config: Config, dataset: str, split: str) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "split": split,
        "shards": config["study"]["shards"],
        "ood": config["data"][dataset]["ood"][split.removeprefix("ood-")],
        "seed": seed(config["study"]["seed"], "data", dataset, split),
    }


def _place(block: Config) -> str | None:
    """The folder that a data set is read from; a hub id, or the `root` of a set yet to be downloaded, is none."""
    return block.get("root") or block.get("path")


def _places(block: Config, root: str | None) -> list[tuple[str, str]]:
    """Folders that an OOD set is read from, and what does not count there."""
    found = [(_place(block), "")] if root is None else [(root, ""), (_place(block), "ood")]
    return [(path, apart) for path, apart in found if path is not None and Path(path).exists()]


def _contents(*paths: str | None, apart: str = "") -> tuple[str, ...]:
    """Digests of the user's files among these paths, which may also be names of the hub."""
    return tuple(content(path, apart) for path in paths if path is not None and Path(path).exists())


def _own(*paths: str | None, apart: str = "") -> dict[str, list[str]]:
    """The contents of files of one's own as a setting; nothing where none are named."""
    found = [content(path, apart) for path in paths if path is not None and Path(path).exists()]
    return {"contents": found} if found else {}


def _source(block: Config) -> dict[str, Any]:
    """What decides the images of a data set: its block without the splits."""
    return {key: value for key, value in block.items() if key not in ("splits", "ood")}


def backbone(config: Config, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    own = None if block["weights"] in KEYWORDS else block["weights"]
    return {"backbone": backbone, **{key: block[key] for key in ("model", "weights")}, **_own(own)}


def train_generator(config: Config, dataset: str, generator: str) -> TrainGeneratorSettings:
    """The settings of the job that trains a data set's generator."""
    block = config["generate"]
    return TrainGeneratorSettings(
        from_json(ModelSettings, block["model"]),
        from_json(TrainingSettings, block["training"]),
        seed(config["study"]["seed"], "train_generator", dataset, generator),
    )


def generate(config: Config, dataset: str, generator: str, recipe: str, shard: str) -> GenerateSettings:
    """The settings of the job that makes one shard of a recipe's images."""
    asked = recipes.recipe(config, recipe)
    per_class = recipes.images_per_class(config, recipe, dataset)
    trained_here = config["generate"]["kind"] == "ddpm"
    return GenerateSettings(
        generator,
        recipe,
        float(asked["guidance"]),
        _ddpm(config, per_class, int(shard)) if trained_here else _pipeline(config, asked, per_class, int(shard)),
        _gate(config),
        seed(config["study"]["seed"], "generate", dataset, generator),
    )


def _ddpm(config: Config, per_class: int, shard: int) -> Ddpm:
    block = config["generate"]
    model, sampling = from_json(ModelSettings, block["model"]), from_json(SamplingSettings, block["sampling"])
    first, last = (round(per_class * (shard + k) / block["shards"]) for k in (0, 1))
    return Ddpm("ddpm", model, sampling, first, last)


def _pipeline(config: Config, asked: Config, per_class: int, shard: int) -> Pipeline:
    block = config["generate"]
    pipeline = from_json(PipelineSettings, block["pipeline"] | {key: asked[key] for key in recipes.ASKED})
    contents = _contents(pipeline.model, pipeline.lora)
    return Pipeline(block["kind"], pipeline, contents, per_class, shard, block["shards"])


def _gate(config: Config) -> JudgeGate | ZeroShotGate | None:
    gate = config["generate"]["gate"]
    distance, leaves_out = gate["duplicate_distance"], gate["filter"]
    if gate["classifier"] == "judge":
        return JudgeGate("judge", distance, leaves_out)
    if gate["classifier"] == "none":
        return None
    words = config["generate"]["pipeline"]["class_words"]
    model, contents = gate["model"], _contents(gate["model"])
    return ZeroShotGate("zero_shot", model, gate["revision"], gate["prompt"], words, contents, distance, leaves_out)


def train_judge(config: Config, dataset: str) -> TrainJudgeSettings:
    """The settings of the job that trains a data set's judge."""
    named = {"seed": seed(config["study"]["seed"], "train_judge", dataset)}
    return from_json(TrainJudgeSettings, config["generate"]["judge"] | named)


def measure_quality(config: Config, dataset: str, generator: str) -> MeasureQualitySettings:
    """The settings of the job that measures a generator's images."""
    named = {"seed": seed(config["study"]["seed"], "measure_quality", dataset, generator)}
    return from_json(MeasureQualitySettings, config["generate"]["quality"] | named)
