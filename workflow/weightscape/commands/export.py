"""`weightscape export`: a run as a folder that timm loads, `timm.create_model("local-dir:FOLDER")`."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from weightscape.errors import UserError
from weightscape.finetune.settings import FinetuneSettings
from weightscape.formats.json_yaml import write_json
from weightscape.formats.tensors import read_tensors, write_tensors
from weightscape.formats.typed import from_json
from weightscape.provenance.records import read_record


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder of a run, which has manifest.json and after.safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder for model.safetensors and config.json")


def run(arguments: argparse.Namespace) -> int:
    record = read_record(arguments.run / "manifest.json")
    if record["stage"] != "finetune":
        raise UserError(
            f"{arguments.run} is no run, but of the stage {record['stage']}: name the folder of a fine-tuned network"
        )
    settings = from_json(FinetuneSettings, record["settings"])
    description = config(settings, record["facts"]["classes"])
    weights = arguments.run / "after.safetensors"
    if not weights.is_file():
        raise UserError(f"{weights} is not there, since study.keep_weights dropped it: name another run")
    tensors = read_tensors(weights)
    head = record["facts"]["head"][0]
    write_tensors(arguments.out / "model.safetensors", merged(tensors, head) if has_projection(settings) else tensors)
    write_json(arguments.out / "config.json", description)
    print(f"timm.create_model('local-dir:{arguments.out}', pretrained=True)")
    return 0


def has_projection(settings: FinetuneSettings) -> bool:
    """Whether the head of a run's network stands on a projection, for which timm's network has one linear layer."""
    from weightscape.networks.building import is_clip

    return is_clip(settings.network.model)


def merged(tensors: Mapping[str, np.ndarray], head: str) -> dict[str, np.ndarray]:
    """The tensors with a head and the projection below it, `head` without its last part, as one linear layer."""
    below = head.rpartition(".")[0]
    weight, bias = (tensors[f"{head}.{name}"].astype(np.float64) for name in ("weight", "bias"))
    one = {f"{below}.weight": weight @ tensors[f"{below}.weight"], f"{below}.bias": bias}
    if f"{below}.bias" in tensors:
        one[f"{below}.bias"] = bias + weight @ tensors[f"{below}.bias"]
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith(f"{head}.")}
    return rest | {name: tensor.astype(np.float32) for name, tensor in one.items()}


def config(settings: FinetuneSettings, classes: int) -> dict[str, object]:
    """The description by which timm builds the network and prepares its images."""
    from weightscape.networks import building

    form, model = settings.network.input, settings.network.model
    name, arguments = building.in_timms_words(model)
    if model.endswith(building.SMALL_STEM):
        raise UserError(
            f"{model} has a stem that timm's network of this name lacks: load after.safetensors by "
            "weightscape.networks.building instead"
        )
    net = building.built(model, classes)
    head = building.head_name(net)
    seen = {"input_size": [3, form.size, form.size], "mean": list(form.mean), "std": list(form.std)}
    read: dict[str, object] = {"interpolation": "bilinear", "crop_pct": 1.0, "num_classes": classes}
    read["classifier"] = head.rpartition(".")[0] if has_projection(settings) else head
    known: Any = net.default_cfg
    if known.get("fixed_input_size") if isinstance(known, dict) else known.fixed_input_size:
        read["fixed_input_size"] = True
    return {
        "architecture": name.split(".")[0],
        "num_classes": classes,
        "num_features": net.num_features,
        "model_args": arguments,
        "pretrained_cfg": {**seen, **read, "first_conv": None, "tag": name.partition(".")[2]},
    }
