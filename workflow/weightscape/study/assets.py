"""Lists what a study needs from outside: data sets, weights and models that one local rule fetches or checks once.

An asset has a name (`data-{dataset}`, `backbone-{backbone}`, `generator`, `zero-shot`) and the settings of its fetch.
The user's files (a folder of images, a file of weights) are no assets: they are read where they are.
"""

from dataclasses import fields
from pathlib import Path

from weightscape.data.fetch_settings import BackboneAsset, FetchSettings, ModelAsset, PipelineAsset
from weightscape.data.settings import HubSet, TorchvisionSet
from weightscape.formats.typed import from_json
from weightscape.study import Config
from weightscape.study.study import read_backbones, uses_generator


def settings(config: Config, asset: str) -> FetchSettings:
    """The settings of one fetch."""
    kind, _, name = asset.partition("-")
    if kind == "data":
        block = {**config["data"][name], "kind": config["data"][name]["source"]}
        chosen = HubSet if block["kind"] == "huggingface" else TorchvisionSet
        return from_json(chosen, {field.name: block[field.name] for field in fields(chosen)})
    if kind == "backbone":
        return BackboneAsset("backbone", config["backbones"][name]["model"])
    if asset == "generator":
        part = config["generate"]["pipeline"]
        return PipelineAsset("pipeline", *(part[key] for key in ("model", "revision", "variant", "safety_checker")))
    gate = config["generate"]["gate"]
    return ModelAsset("model", gate["model"], gate["revision"])


def of_data(config: Config, dataset: str) -> list[str]:
    """The asset of a data set, if it is one."""
    block = config["data"][dataset]
    fetched = block["source"] == "torchvision" and block["root"] is None
    fetched |= block["source"] == "huggingface" and not Path(block["path"]).is_dir()
    return [f"data-{dataset}"] if fetched else []


def of_backbone(config: Config, backbone: str) -> list[str]:
    """The asset of a backbone, if it is one."""
    return [f"backbone-{backbone}"] if config["backbones"][backbone]["weights"] == "hub" else []


def of_generator(config: Config) -> list[str]:
    """The assets of the generator and of its gate: folders of the user's are checked."""
    found = ["generator"] if config["generate"]["kind"] != "ddpm" else []
    return found + (["zero-shot"] if config["generate"]["gate"]["classifier"] == "zero_shot" else [])


def of_study(config: Config) -> list[str]:
    """All assets of a study."""
    chosen = config["study"]
    found = [asset for dataset in chosen["datasets"] for asset in of_data(config, dataset)]
    found += [asset for backbone in read_backbones(config) for asset in of_backbone(config, backbone)]
    return found + (of_generator(config) if uses_generator(config) else [])
