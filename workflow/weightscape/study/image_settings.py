"""The settings of the jobs of stages 1 and 2, from the config: real and synthetic images, networks and models."""

from pathlib import Path

from weightscape.data import digits
from weightscape.data.settings import (
    CorruptSettings,
    DataSettings,
    PackagedShift,
    PackagedSplit,
    SourcedShift,
    SourcedSplit,
    digits_of,
    shift_of,
    source_of,
)
from weightscape.formats.typed import from_json
from weightscape.generate.judge_settings import TrainJudgeSettings
from weightscape.generate.model_settings import TrainGeneratorSettings
from weightscape.generate.quality import MeasureQualitySettings
from weightscape.generate.settings import (
    Ddpm,
    GenerateSettings,
    JudgeGate,
    Pipeline,
    PipelineSettings,
    SamplingSettings,
    ZeroShotGate,
)
from weightscape.networks.pretrained import BackboneSettings
from weightscape.provenance.file_contents import content
from weightscape.study import Config, generator_sizes, recipes, study
from weightscape.study.checks.own_files import KEYWORDS


def data(config: Config, dataset: str, split: str) -> DataSettings:
    """The settings of the job that makes one split, but for corrupted ones."""
    shards, parts = config["study"]["shards"], (dataset, split) if split.startswith("ood-") else (dataset,)
    named = study.named_seed(config, "data", *parts)
    return DataSettings(dataset, split, shards, named, _images(config["data"][dataset], split))


def _images(block: Config, split: str) -> PackagedSplit | PackagedShift | SourcedSplit | SourcedShift:
    if split.startswith("ood-"):
        ood = block["ood"][split.removeprefix("ood-")]
        if ood["source"] not in study.OWN_SHIFTS:
            return PackagedShift("packaged_shift", digits_of(ood), ood["images"])
        # labels are places in the list of the training classes, wherever the images lie
        root = ood.get("root")
        contents = _contents(root) + _contents(_place(block), apart="ood") if root else _contents(_place(block))
        return SourcedShift("sourced_shift", source_of(block), shift_of(ood), contents)
    if block["source"] in digits.SIZES:
        return PackagedSplit("packaged", digits_of(block), block["splits"])
    return SourcedSplit("sourced", source_of(block), block["splits"], _contents(_place(block), apart="ood"))


def corrupt(config: Config, dataset: str, split: str) -> CorruptSettings:
    """The settings of the job that makes a corrupted split."""
    ood = config["data"][dataset]["ood"][split.removeprefix("ood-")]
    named = study.named_seed(config, "data", dataset, split)
    shards = config["study"]["shards"]
    return CorruptSettings(dataset, split, shards, named, ood["kind"], ood["severity"], ood["images"])


def _place(block: Config) -> str | None:
    """The folder that a data set is read from; a hub id, or the `root` of a set yet to be downloaded, is none."""
    return block.get("root") or block.get("path")


def _contents(*paths: str | None, apart: str = "") -> tuple[str, ...]:
    """Digests of the user's files among these paths, which may also be names of the hub."""
    return tuple(content(path, apart) for path in paths if path is not None and Path(path).exists())


def backbone(config: Config, backbone: str) -> BackboneSettings:
    """The settings of the job that brings a backbone's weights under timm's names."""
    model, weights = (config["backbones"][backbone][key] for key in ("model", "weights"))
    return BackboneSettings(backbone, model, weights, () if weights in KEYWORDS else _contents(weights))


def train_generator(config: Config, dataset: str, generator: str) -> TrainGeneratorSettings:
    """The settings of the job that trains a data set's generator."""
    return TrainGeneratorSettings(
        generator_sizes.model(config, dataset),
        generator_sizes.training(config, dataset),
        study.named_seed(config, "train_generator", dataset, generator),
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
        _ddpm(config, dataset, per_class, shard) if trained_here else _pipeline(config, asked, per_class, int(shard)),
        _gate(config),
        study.named_seed(config, "generate", dataset, generator),
    )


def _ddpm(config: Config, dataset: str, per_class: int, shard: str) -> Ddpm:
    block = config["generate"]
    model, sampling = generator_sizes.model(config, dataset), from_json(SamplingSettings, block["sampling"])
    first, last = (round(per_class * (int(shard) + k) / block["shards"]) for k in (0, 1))
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
    named = {"seed": study.named_seed(config, "train_judge", dataset)}
    return from_json(TrainJudgeSettings, config["generate"]["judge"] | named)


def measure_quality(config: Config, dataset: str, generator: str) -> MeasureQualitySettings:
    """The settings of the job that measures a generator's images."""
    named = {"seed": study.named_seed(config, "measure_quality", dataset, generator)}
    return from_json(MeasureQualitySettings, config["generate"]["quality"] | named)
