"""`weightscape export`: a run as a folder that timm loads, `timm.create_model("local-dir:FOLDER")`."""

import argparse
from pathlib import Path

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
    write_tensors(arguments.out / "model.safetensors", read_tensors(weights))
    write_json(arguments.out / "config.json", description)
    print(f"timm.create_model('local-dir:{arguments.out}', pretrained=True)")
    return 0


def config(settings: FinetuneSettings, classes: int) -> dict[str, object]:
    """The description by which timm builds the network and prepares its images."""
    from weightscape.networks import building

    form, model = settings.network.input, settings.network.model
    if building.is_clip(model) or not building.is_timms(model):
        raise UserError(
            f"{model} has a {'head on its projection' if building.is_clip(model) else 'stem'} that timm's network of "
            "this name lacks: load after.safetensors by weightscape.networks.building instead"
        )
    net = building.built(model, classes)
    seen = {"input_size": [3, form.size, form.size], "mean": list(form.mean), "std": list(form.std)}
    read = {"interpolation": "bilinear", "crop_pct": 1.0, "num_classes": classes, "classifier": building.head_name(net)}
    return {
        "architecture": model.split(".")[0],
        "num_classes": classes,
        "num_features": net.num_features,
        "pretrained_cfg": {**seen, **read, "first_conv": None, "tag": model.partition(".")[2]},
    }
