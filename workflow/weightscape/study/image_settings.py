"""The settings of the jobs of stages 1 and 2, from the config: real and synthetic images, networks and models."""

from pathlib import Path
from typing import Any

from weightscape.data import digits
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


def train_generator(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "model": config["generate"]["model"],
        "training": config["generate"]["training"],
        "seed": seed(config["study"]["seed"], "train_generator", dataset, generator),
    }


def generate(config: Config, dataset: str, generator: str, recipe: str, shard: str) -> dict[str, Any]:
    block = config["generate"]
    asked = recipes.recipe(config, recipe)
    per_class = recipes.images_per_class(config, recipe, dataset)
    common = {
        "generator": generator,
        "recipe": recipe,
        "guidance": float(asked["guidance"]),
        "seed": seed(config["study"]["seed"], "generate", dataset, generator),
    }
    if block["gate"]["classifier"] != "none":
        common |= {"gate": dict(block["gate"])}
    if block["gate"]["classifier"] == "zero_shot":
        common["gate"] |= {"class_words": block["pipeline"]["class_words"]}
        common |= {f"gate_{key}": value for key, value in _own(block["gate"]["model"]).items()}
    if block["kind"] != "ddpm":
        own = _own(block["pipeline"]["model"], block["pipeline"]["lora"])
        pipeline = {"kind": block["kind"], "pipeline": block["pipeline"] | {k: asked[k] for k in recipes.ASKED}, **own}
        return common | pipeline | {"images_per_class": per_class, "shard": [int(shard), block["shards"]]}
    first, last = (round(per_class * (int(shard) + k) / block["shards"]) for k in (0, 1))
    return common | {"model": block["model"], "sampling": block["sampling"], "indices": [first, last]}


def train_judge(config: Config, dataset: str) -> dict[str, Any]:
    return {"judge": config["generate"]["judge"], "seed": seed(config["study"]["seed"], "train_judge", dataset)}


def measure_quality(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "quality": config["generate"]["quality"],
        "seed": seed(config["study"]["seed"], "measure_quality", dataset, generator),
    }
