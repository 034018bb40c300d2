"""Each stage's slice of the config: exactly the keys that it uses, as one JSON object.

So a job is stale only when one of *its* settings changed (DESIGN 5). Files of one's own count by their content.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weightscape import families
from weightscape.data import digits
from weightscape.families import BASELINE
from weightscape.metrics.analysis.claims.statements import rules
from weightscape.provenance.file_contents import content
from weightscape.seeds import seed
from weightscape.study import corruptions, recipes, study
from weightscape.study.checks.own_files import KEYWORDS
from weightscape.study.differences import LEAVE, default_config, differences
from weightscape.study.doses import Config, action, dose_number, dose_values, training


def settings(config: Config, stage: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
    """The settings of one job of `stage`, from those of its wildcards that matter to it."""
    part = SLICES[stage]
    names = {"replicate" if name == "seed" else name: value for name, value in wildcards.items()}
    return part(config, **{name: names[name] for name in _names(part) if name in names})


def wildcards_of(stage: str) -> list[str]:
    """The wildcards that the settings of a stage's jobs depend on."""
    return ["seed" if name == "replicate" else name for name in _names(SLICES[stage]) if name != "config"]


@functools.cache
def _names(part: Callable[..., dict[str, Any]]) -> tuple[str, ...]:
    """Names of the wildcards that a stage's settings depend on."""
    return tuple(inspect.signature(part).parameters)


def _root(config: Config) -> int:
    return config["study"]["seed"]


def _data(config: Config, dataset: str, split: str) -> dict[str, Any]:
    block = config["data"][dataset]
    common = {"dataset": dataset, "split": split, "shards": config["study"]["shards"]}
    if split.startswith("ood-"):
        ood = block["ood"][split.removeprefix("ood-")]
        common |= {"ood": ood, "seed": seed(_root(config), "data", dataset, split)}
        # labels are places in the list of the training classes, wherever the images lie
        places = [content(path, apart) for path, apart in _places(block, ood.get("root"))]
        own = {"block": _source(block), **({"contents": places} if places else {})}
        return common | (own if ood["source"] in study.OWN_SHIFTS else {})
    if block["source"] != digits.PACKAGED:
        whole = {"block": _source(block), "splits": block["splits"], **_own(_place(block), apart="ood")}
        return common | whole | {"seed": seed(_root(config), "data", dataset)}
    return common | {
        "source": block["source"],
        "splits": block["splits"],
        "seed": seed(_root(config), "data", dataset),
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


def _backbone(config: Config, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    own = None if block["weights"] in KEYWORDS else block["weights"]
    return {"backbone": backbone, **{key: block[key] for key in ("model", "weights")}, **_own(own)}


def _train_generator(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "model": config["generate"]["model"],
        "training": config["generate"]["training"],
        "seed": seed(_root(config), "train_generator", dataset, generator),
    }


def _generate(config: Config, dataset: str, generator: str, recipe: str, shard: str) -> dict[str, Any]:
    block = config["generate"]
    asked = recipes.recipe(config, recipe)
    per_class = recipes.images_per_class(config, recipe, dataset)
    common = {
        "generator": generator,
        "recipe": recipe,
        "guidance": float(asked["guidance"]),
        "seed": seed(_root(config), "generate", dataset, generator),
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


def _train_judge(config: Config, dataset: str) -> dict[str, Any]:
    return {"judge": config["generate"]["judge"], "seed": seed(_root(config), "train_judge", dataset)}


def _measure_quality(config: Config, dataset: str, generator: str) -> dict[str, Any]:
    return {
        "quality": config["generate"]["quality"],
        "seed": seed(_root(config), "measure_quality", dataset, generator),
    }


def _assemble_real(config: Config, dataset: str) -> dict[str, Any]:
    return {"family": "real", "dose": BASELINE, "values": {}, "seed": 0}


def _assemble(config: Config, dataset: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    return {
        "family": family,
        "dose": dose,
        "values": dose_values(config, family, dose),
        "seed": seed(_root(config), "assemble", dataset, family, dose, int(replicate)),
    }


def _measure_diversity(config: Config, dataset: str, family: str, dose: str) -> dict[str, Any]:
    act = action(config, family, dose)
    return {
        "operations": act["operations"],
        "noise": act["noise"],
        "adds": family.endswith("_add") and dose != BASELINE,
        "measures": {key: value for key, value in config["diversity"].items() if key != "embeddings"},
        "spaces": {
            name: {key: config["backbones"][name][key] for key in ("model", "input")}
            for name in study.embeddings(config)
        },
        "seeds": {
            str(label): seed(_root(config), "measure_diversity", dataset, family, dose, label)
            for label in config["study"]["seeds"]
        },
    }


def _finetune(config: Config, dataset: str, backbone: str, family: str, dose: str, replicate: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input", "batch_norm_momentum")},
        "training": training(config, family, dose) | {key: block[key] for key in ("precision", "compile")},
        "action": action(config, family, dose, backbone),
        "condition": {"dataset": dataset, "family": family, "dose": dose, "seed": int(replicate)},
        "seed": seed(_root(config), "finetune", dataset, backbone, family, dose, int(replicate)),
    }


def _evaluate(config: Config, dataset: str, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input")},
        "evaluate": config["evaluate"],
        "seed": seed(_root(config), "evaluate", dataset),
    }


def _curvature(config: Config, dataset: str, backbone: str) -> dict[str, Any]:
    block = config["backbones"][backbone]
    return {
        "backbone": backbone,
        **{key: block[key] for key in ("model", "input")},
        "curvature": {key: value for key, value in config["curvature"].items() if key != "families"},
        "seed": seed(_root(config), "curvature", dataset),
    }


def _spectra(config: Config) -> dict[str, Any]:
    return {"spectra": config["spectra"], "seed": seed(_root(config), "spectra")}


def _aggregate(config: Config) -> dict[str, Any]:
    chosen = config["study"]
    return {
        "datasets": chosen["datasets"],
        "backbones": chosen["backbones"],
        "seeds": chosen["seeds"],
        "conditions": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in study.conditions(config)
        ],
        "measured": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in study.conditions(config)
            if family in families.DIVERSITY_FAMILIES
        ],
        "splits": {dataset: study.evaluated_splits(config, dataset) for dataset in chosen["datasets"]},
        "curved": sorted({family for family, _ in study.curved_conditions(config)}),
        "calibration_bins": config["evaluate"]["calibration_bins"],
        "seen": {dataset: corruptions.seen_corruptions(config, dataset) for dataset in chosen["datasets"]},
        "severity": {dataset: corruptions.severities(config, dataset) for dataset in chosen["datasets"]},
        "generator": config["generate"]["name"] if study.uses_generator(config) else None,
    }


def _analyse(config: Config) -> dict[str, Any]:
    return {
        "analyse": config["analyse"],
        "coarse": study.coarsely_generated(config),
        "scratch": [name for name in config["study"]["backbones"] if config["backbones"][name]["weights"] == "none"],
        "rules": rules(),
        "seed": seed(_root(config), "analyse"),
    }


def _reanalyse(config: Config) -> dict[str, Any]:
    return {"conditions": config["reanalyse"]["conditions"]}


def _report(config: Config) -> dict[str, Any]:
    return {
        "title": config["study"]["name"],
        "figures": list(config["figures"]),
        "config": {k: v for k, v in config.items() if k != LEAVE},
        "differences": differences(config, default) if (default := default_config()) else None,
    }


SLICES = {
    "data": _data,
    "backbone": _backbone,
    "train_generator": _train_generator,
    "generate": _generate,
    "train_judge": _train_judge,
    "measure_quality": _measure_quality,
    "assemble_real": _assemble_real,
    "assemble": _assemble,
    "measure_diversity": _measure_diversity,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "curvature": _curvature,
    "spectra_before": _spectra,
    "spectra": _spectra,
    "aggregate": _aggregate,
    "analyse": _analyse,
    "reanalyse": _reanalyse,
    "report": _report,
}
