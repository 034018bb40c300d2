"""Writes the config of a new study: neutral values for its kind of images, and none that were made for other ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from weightscape.formats.json_yaml import read_yaml
from weightscape.metrics.analysis.claims.table import least_pool
from weightscape.project import DEFAULT_CONFIG
from weightscape.starter.data_set import DataSet, name_of
from weightscape.starter.pictures import Looked
from weightscape.starter.scale import SYNTHETIC, Size
from weightscape.study import Config, undecidable
from weightscape.study.checks import amounts, resolution
from weightscape.study.seen_corruptions import SHOWN_BY

Generator = Literal["none", "ddpm", "text_to_image"]
CAUSED_DECAY = {"weak": 0.01, "medium": 0.08, "strong": 0.3}
"""Shares by which weight decay shrinks the weights in a run, if nothing else moves them."""
PEAK = 2.0e-3
"""Peak of the learning rate."""


@dataclass(frozen=True)
class Network:
    """A network by timm's name, the origin of its weights, and its input: normalisation, and a fixed side."""

    model: str
    weights: str
    mean: Sequence[float] = (0.5, 0.5, 0.5)
    std: Sequence[float] = (0.5, 0.5, 0.5)
    side: int | None = None

    @property
    def name(self) -> str:
        """The backbone's name in the study."""
        return NAMES.get((self.model, self.weights)) or _plain(self.model)


WHEEL = Network("tf_efficientnet_lite0", "wheel")
SMALL = Network("test_resnet", "none")
"""Half a million weights, trained from scratch."""
NAMES = {(WHEEL.model, WHEEL.weights): "efficientnet-lite0", (SMALL.model, SMALL.weights): "resnet-small"}


@dataclass(frozen=True)
class Wishes:
    """The choices of the user: a name, kind of images, generator and network; `drops_paths`: whether it can."""

    name: str
    is_drawn: bool
    generator: Generator
    network: Network
    drops_paths: bool
    on_gpu: bool


def config_of(data: DataSet, looked: Looked | None, wishes: Wishes, size: Size) -> Config:
    """The study's difference from config.yaml."""
    default: Config = read_yaml(DEFAULT_CONFIG)
    digits = default["families"]
    families = _families(size, wishes)
    backbones = networks(wishes.network, size.networks)
    every = _doses(data, wishes, size, limit(looked))
    doses = {name: _alone(each, digits[name]) for name, each in every.items() if name in families}
    return {
        "study": {
            "name": wishes.name,
            "datasets": [data.name],
            "backbones": [network.name for network in backbones],
            "families": list(families),
            "seeds": list(range(size.seeds)),
            "baseline_runs": least_pool(size.seeds),
        },
        "data": {data.name: _data(data, looked, size)},
        **_differing({"backbones": {network.name: _backbone(network, wishes, size) for network in backbones}}, default),
        **_differing(_generate(data, wishes, size), default),
        "families": doses,
        **_differing({"diversity": _diversity(size), "finetune": _finetune(size)}, default),
        **_differing({"curvature": {"images": min(64, size.splits["val"]), "batch_size": 32}}, default),
        **_analyse(size, sum(dose is not None for each in doses.values() for dose in each["doses"].values())),
    }


def _differing(block: Config, default: Config) -> Config:
    """The keys of a block whose values are not those of config.yaml."""
    found: dict[str, object] = {}
    for key, value in block.items():
        if isinstance(value, Mapping) and isinstance(default.get(key), Mapping):
            value = _differing(value, default[key])
            if not value:
                continue
        elif key in default and default[key] == value:
            continue
        found[key] = value
    return found


def networks(chosen: Network, count: int) -> list[Network]:
    """The user's network, and of two the other kind: of a pre-trained one and one from scratch."""
    return [chosen, WHEEL if chosen.weights == "none" else SMALL][:count]


def _plain(model: str) -> str:
    return "".join(letter if letter.isalnum() or letter == "." else "-" for letter in model.lower()).strip("-.")


def _families(size: Size, wishes: Wishes) -> tuple[str, ...]:
    at = 2 if "noise" in size.families else 1
    synthetic = SYNTHETIC if wishes.generator != "none" else ()
    return (*size.families[:at], *synthetic, *size.families[at:])


def _data(data: DataSet, looked: Looked | None, size: Size) -> Config:
    test = min(size.splits["test"], 1000)
    block: dict[str, object] = {
        **data.block,
        "image": {"size": size.pixels, "channels": looked.channels if looked else data.channels},
        "splits": dict(size.splits),
    }
    if data.chosen:
        block["classes"] = list(data.chosen)
    if looked and looked.unreadable:
        block["unreadable"] = limit(looked)
    if looked and looked.copied > 0.05:
        block["copies"] = min(1.0, math.ceil(30 * looked.copied) / 20)
    made = {f"{kind}-3": {"source": "corruption", "kind": kind, "severity": 3, "images": test} for kind in SHOWN_BY}
    own = {
        name_of(f"{name}-shifted" if _plain(name) in made else name): {
            "source": "domain",
            "domain": name,
            "images": "all",
        }
        for name in data.domains
    }
    return {**block, "ood": {**own, **made}}


def limit(looked: Looked | None) -> float:
    """A limit above the share of unreadable files; further above where only a sample was looked at."""
    if looked is None:
        return 0.0
    room = 2 if looked.looked < looked.total else 1.05
    return min(0.9, math.ceil(room * len(looked.unreadable) / looked.looked * 1000) / 1000)


def _backbone(network: Network, wishes: Wishes, size: Size) -> Config:
    return {
        "model": network.model,
        "weights": network.weights,
        "input": {"size": network.side or size.input, "mean": list(network.mean), "std": list(network.std)},
        "batch_norm_momentum": 0.1 if network.weights == "wheel" else None,
        "precision": "auto" if wishes.on_gpu else "float32",
        "compile": False,
    }


def _generate(data: DataSet, wishes: Wishes, size: Size) -> Mapping[str, Config]:
    """The judge, and the generator if there is one: a recipe makes images for share 1 of the largest class."""
    steps_per_epoch = max(1, size.splits["extra"] // 50)
    shift = max(1, size.pixels // 14)
    judge = {"epochs": max(8, min(60, math.ceil(400 / steps_per_epoch))), "shift": shift}
    if wishes.generator == "none":
        return {"generate": {"judge": judge}}
    each = math.ceil(1.1 * data.largest * size.splits["train"]) + 1
    if wishes.generator == "ddpm":
        kind = {}
        recipe = {"name": "guided", "guidance": 2.0, "images_per_class": each}
    else:
        prompt = "a drawing of {class}" if wishes.is_drawn else "a photo of a {class}"
        kind = {"name": "stable-diffusion", "kind": "text_to_image", "pipeline": {"prompts": [prompt]}}
        recipe = {"name": "guided", "guidance": 7.5, "images_per_class": each}
    return {"generate": {**kind, "recipes": [recipe], "judge": judge}}


def _doses(data: DataSet, wishes: Wishes, size: Size, unreadable: float) -> Mapping[str, Config]:
    """The doses of every family that a new study may have."""
    path = (0.1, 0.3, 0.4) if wishes.drops_paths else (0.0, 0.0, 0.0)
    rates = zip(("weak", "medium", "strong"), (0.2, 0.5, 0.7), path, strict=True)
    moved = size.steps * PEAK / 2  # the sum of the learning rates of a cycle
    further = size.splits["extra"] - amounts.unreadable(unreadable, size.splits)
    extra = max(0.01, min(1.0, math.floor(100 * further / size.splits["train"]) / 100))
    return {
        "augment": _policies(wishes.is_drawn),
        "noise": {"weak": {"sigma": 0.02}, "strong": {"sigma": 0.06}},
        "synthetic_add": {
            name: {"share": share, "recipe": "guided"} for name, share in (("half", 0.5), ("equal", 1.0))
        },
        "synthetic_replace": {
            name: {"share": share, "recipe": "guided"} for name, share in (("half", 0.5), ("all", 1.0))
        },
        "dropout": {name: {"head": head, "path": of_path} for name, head, of_path in rates},
        "weight_decay": {
            name: {"decay": float(f"{share / moved:.2g}"), "coupled": False} for name, share in CAUSED_DECAY.items()
        },
        "label_noise": {"fifth": {"share": 0.2}},
        "duplicate": _copied(data.classes, size.splits["train"]),
        "real_add": {"equal": {"share": extra}},
        "steps": {"fewer": {"factor": 0.5}, "more": {"factor": 1.5}},
    }


def _alone(doses: Mapping[str, Config | None], digits: Config) -> Config:
    """The doses of a family, and none of those that config.yaml has for digits."""
    return {"doses": {**doses, **dict.fromkeys(sorted(digits["doses"].keys() - doses.keys()))}}


def _copied(classes: int, train: int) -> Mapping[str, Config | None]:
    """Shares of copies that leave an image of every class; the larger one if it is larger by a tenth."""
    most = max(math.floor(100 * (1 - 1.5 * classes / train)) / 100, math.ceil(100 / train) / 100)
    half = min(0.5, most)
    return {"half": {"share": half}, "most": {"share": min(0.9, most)} if most >= half + 0.1 else None}


def _policies(is_drawn: bool) -> Mapping[str, Config]:
    """Label-keeping augmentations: signs are not mirrored, photographs are."""
    if is_drawn:
        weak = {"name": "affine", "degrees": 5, "translate": 0.05, "scale": 0.05, "shear": 3}
        medium = {"name": "affine", "degrees": 10, "translate": 0.08, "scale": 0.1, "shear": 6}
        further = {"name": "erasing", "probability": 0.25, "area": 0.03}
        return _strengths([weak], [medium], [medium, further])
    mirrored = {"name": "flip", "horizontal": 0.5, "vertical": 0.0}
    shifted = {"name": "affine", "degrees": 5, "translate": 0.08, "scale": 0.1, "shear": 0}
    automatic = {"name": "randaugment", "operations": 2, "magnitude": 9}
    return _strengths([mirrored], [mirrored, shifted], [mirrored, automatic])


def _strengths(*policies: Sequence[Config]) -> Mapping[str, Config]:
    names = ("weak", "medium", "strong")
    return {
        name: {"strength": place, "operations": list(policy)}
        for place, (name, policy) in enumerate(zip(names, policies, strict=True), 1)
    }


def _diversity(size: Size) -> Config:
    """Rows of the measures, at most two fifths of the training images, as some may be unreadable."""
    train, extra = size.splits["train"], size.splits["extra"]
    rows = max(2, min(500, 2 * train // 5))
    curve = sorted({max(2, round(rows * share)) for share in (0.1, 0.25, 0.5, 1.0)})
    return {
        "common_rows": rows,
        "rarefaction_rows": curve,
        "class_rows": max(2, min(50, rows // 2)),
        "neighbours": max(1, min(5, rows // 4)),
        "clusters": max(2, min(20, rows // 5)),
        "cluster_rows": min(1000, train),
        "reference_rows": min(1000, extra),
        "kid_block_rows": max(2, min(100, rows // 2)),
        "assigned_rows": max(2, min(300, rows)),
    }


def _finetune(size: Size) -> Config:
    every = max(4, size.steps // 10)
    return {
        "steps": size.steps,
        "learning_rate": PEAK,
        "betas": [0.9, 0.95 if size.steps < 300 else 0.999],
        "witness_every": every,
        "history_every": every,
    }


def _analyse(size: Size, conditions: int) -> Mapping[str, Config]:
    """The drop of accuracy that the validation images resolve, and groups of layers that the runs carry.

    Both only where config.yaml asks more.
    """
    asked: Config = read_yaml(DEFAULT_CONFIG)["analyse"]
    resolved = math.ceil(100 * resolution.resolved(size.splits["val"])) / 100
    groups = undecidable.groups_carried(asked, least_pool(size.seeds) - 1 + (size.seeds - 1) * conditions)
    block = {
        **({"max_drop": min(1.0, resolved)} if resolved > asked["max_drop"] else {}),
        **({"signature": {"groups": groups}} if 0 < groups < asked["signature"]["groups"] else {}),
    }
    return {"analyse": block} if block else {}
