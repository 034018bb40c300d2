"""Colour images of every size from files to measures: data, judge, items, diversity, training and evaluation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weightscape.project import ROOT
from weightscape.stages import (
    assemble,
    backbone,
    corrupt,
    data,
    embed,
    evaluate,
    finetune,
    measure_diversity,
    train_judge,
)
from weightscape.study import settings as slices
from weightscape.study.config import checked

pytestmark = pytest.mark.slow


def folder(root: Path, size: int) -> Path:
    """Two classes of coloured images, told apart by their colour."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("test", 10)):
        for label, name in enumerate(("red", "blue")):
            place = root / part / name
            place.mkdir(parents=True)
            for number in range(count):
                image = rng.integers(0, 120, (size, size, 3), np.uint8)
                image[..., 2 * label] += 120
                Image.fromarray(image).save(place / f"{number:02d}.png")
    return root


def config_of(root: Path, size: int) -> dict[str, Any]:
    """The embedded study on these images, with a small network from scratch and few of everything."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    image = {"size": size, "channels": 3, "pixel_limit": 10**7}
    config["data"]["colours"] = {
        "source": "image_folder",
        "root": str(root),
        "image": image,
        "classes": "all",
        "per_class": "all",
        "unreadable": 0.0,
        "splits": {"train": 30, "val": 10, "test": "all", "extra": 40},
        "ood": {"noise-3": {"source": "corruption", "kind": "noise", "severity": 3, "images": "all"}},
    }
    small = {"model": "test_resnet", "weights": "none", "batch_norm_momentum": None}
    config["backbones"]["small"] = config["backbones"]["efficientnet-lite0"] | small
    config["backbones"]["small"]["input"] = {"size": min(size, 64), "mean": [0.5] * 3, "std": [0.5] * 3}
    config["families"]["dropout_inside"]["doses"]["weak"]["places"]["small"] = ["block"]
    config["study"] |= {"name": "colours", "datasets": ["colours"], "backbones": ["small"], "seeds": [0]}
    config["diversity"] |= {"common_rows": 10, "rarefaction_rows": [5, 10], "class_rows": 5, "reference_rows": 20}
    config["diversity"] |= {"clusters": 2, "kid_block_rows": 5, "assigned_rows": 10, "neighbours": 2}
    config["finetune"] |= {"steps": 4, "batch_size": 8, "history_every": 2, "witness_every": 2, "checkpoint_minutes": 0}
    config["generate"]["judge"] |= {"epochs": 4, "batch_size": 10}
    return checked(config)


@pytest.mark.parametrize("size", [32, 64, 224])
def test_colour_images_pass_through_every_stage(size: int, tmp_path: Path) -> None:
    config = config_of(folder(tmp_path / "images", size), size)
    results = tmp_path / "results"

    def run(stage: Any, *arguments: Any, **names: str) -> None:
        wildcards = {"dataset": "colours", "backbone": "small"} | names
        settings = slices.settings(config, stage.__name__.rpartition(".")[2], wildcards)
        stage.main(["--settings", json.dumps(settings), *map(str, arguments)])

    def shard(split: str) -> Path:
        return results / f"1_data/colours/{split}/shard-00000.safetensors"

    for split in ("train", "val", "test", "extra"):
        run(data, "--out", shard(split).parent, split=split)
    run(corrupt, "--out", shard("ood-noise-3").parent, "--test", shard("test"), split="ood-noise-3")
    weights = results / "1_data/backbones/small"
    run(backbone, "--out", weights)
    judge = results / "2_generate/colours/judge"
    run(train_judge, "--train", shard("extra"), "--test", shard("test"), "--out", judge)
    items = results / "3_assemble/colours/real"
    plain = {"change": {"kind": "none", "share": 0.0, "recipe": None, "choice": None}, "seed": 0}
    assemble.main(["--settings", json.dumps(plain), "--train", str(shard("train")), "--out", str(items)])
    embedded = results / "3_assemble/colours/embedded/small"
    fixed = ["--real", shard("train"), "--reference", shard("extra")]
    run(embed, *fixed, "--backbone", weights / "weights.safetensors", "--device", "cpu", "--out", embedded)
    out, trained = results / "3_assemble/colours/noise/strong/diversity", {"family": "noise", "dose": "strong"}
    arguments = ["--items", items / "items.parquet", *fixed, "--embedded", embedded / "rows.safetensors"]
    arguments += ["--backbones", weights / "weights.safetensors", "--judge", judge / "weights.safetensors"]
    run(measure_diversity, *arguments, "--device", "cpu", "--out", out, **trained)
    measures = json.loads((out / "measures.json").read_text())["0"]
    assert measures["pixels"]["dimensions"] == 3 * min(size, 32) ** 2
    assert measures["pixels"]["rows"] == measures["small"]["rows"] == 30
    folder_of_run = results / "4_finetune/colours/small/noise/strong/seed0"
    arguments = ["--items", items / "items.parquet", "--data", shard("train").parent / "manifest.json"]
    arguments += ["--backbone", weights / "weights.safetensors", "--device", "cpu", "--out", folder_of_run]
    run(finetune, *arguments, seed="0", **trained)
    facts = json.loads((folder_of_run / "manifest.json").read_text())["facts"]
    assert facts["classes"] == 2 and facts["action"]["changed_images"] == 1
    splits = [shard(split).parent / "manifest.json" for split in ("val", "test", "ood-noise-3")]
    run(evaluate, "--runs", folder_of_run / "manifest.json", "--splits", *splits, "--device", "cpu", **trained)
    found = json.loads((folder_of_run / "evaluation/metrics.json").read_text())
    assert found["test"]["images"] == found["ood-noise-3"]["images"] == 20
