"""What a study needs from outside: data sets, weights and models that are fetched or checked once, by one local rule.

An asset has a name (`data-{dataset}`, `backbone-{backbone}`, `generator`, `zero-shot`) and the settings of its fetch.
Files of one's own (a folder of images, a file of weights) are no assets: they are read where they are.
"""

from pathlib import Path
from typing import Any

from weightscape.study.config_type import Config
from weightscape.study.study import read_backbones, uses_generator

Settings = dict[str, Any]

TORCHVISION = ("name", "parts", "options")
HUB = ("path", "configuration", "revision", "parts")
"""The keys of a data set that say what is downloaded."""


def settings(config: Config, asset: str) -> Settings:
    """The settings of one fetch."""
    kind, _, name = asset.partition("-")
    if kind == "data":
        block = config["data"][name]
        keys = HUB if block["source"] == "huggingface" else TORCHVISION
        return {"kind": block["source"], **{key: block[key] for key in keys}}
    if kind == "backbone":
        return {"kind": "backbone", "model": config["backbones"][name]["model"]}
    part = config["generate"]["pipeline"] if asset == "generator" else config["generate"]["gate"]
    return {"kind": "model", "model": part["model"], "revision": part["revision"]}


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
    """The assets of the generator and of its gate: a pipeline and a model of one's own are checked, too."""
    found = ["generator"] if config["generate"]["kind"] != "ddpm" else []
    return found + (["zero-shot"] if config["generate"]["gate"]["classifier"] == "zero_shot" else [])


def of_study(config: Config) -> list[str]:
    """All assets of a study."""
    chosen = config["study"]
    found = [asset for dataset in chosen["datasets"] for asset in of_data(config, dataset)]
    found += [asset for backbone in read_backbones(config) for asset in of_backbone(config, backbone)]
    return found + (of_generator(config) if uses_generator(config) else [])
