"""Every study that init may write is accepted as it is, and holds nothing that config.yaml made for digits."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from weightscape.errors import UserError
from weightscape.starter import draft, estimate, page, scale
from weightscape.starter.data_set import DataSet
from weightscape.starter.pictures import Looked, Part
from weightscape.study import undecidable
from weightscape.study.config import default_config

BLOCK = {"source": "torchvision", "name": "CIFAR10", "parts": {"train": "train", "test": "test"}}


@st.composite
def data_sets(drawn: st.DrawFn) -> DataSet:
    """A data set of any size; a test part and a validation part may be there."""
    classes = drawn(st.integers(2, 60))
    counts = {"train": drawn(st.integers(max(classes + 3, 30), 60_000))}
    for part in ("val", "test"):
        if drawn(st.booleans()):
            counts[part] = drawn(st.integers(1, 9000))
    return DataSet("set", BLOCK, classes, counts, drawn(st.floats(1 / classes, 0.95)))


def wishes(is_drawn: bool, generator: draft.Generator) -> draft.Wishes:
    """The user's choices."""
    return draft.Wishes("mine", is_drawn, generator, draft.WHEEL, True, False)


@given(data_sets(), st.integers(8, 900), st.booleans(), st.sampled_from(["none", "ddpm", "text_to_image"]), st.data())
@settings(max_examples=60)
def test_every_draft_is_accepted(data: DataSet, side: int, is_drawn: bool, generator, more: st.DataObject) -> None:
    part = Part(np.empty((0, 3, 32, 32), np.uint8), np.empty(0, np.int64), [], [])
    faults = (("a", "b"),) * more.draw(st.integers(0, 12))
    seen = Looked(99, 99, side, (side, side), 1, is_drawn, faults, 0.4, (), (), part)
    looked = seen if more.draw(st.booleans()) else None
    size = more.draw(st.sampled_from(list(scale.sizes(data, side, draft.limit(looked)))))
    difference = draft.config_of(data, looked, wishes(is_drawn, generator), size)
    assert yaml.safe_load(page.text(difference, ["a head"])) == difference
    config = estimate.merged(difference)
    splits = config["data"]["set"]["splits"]
    drawn = [name for name in splits if name not in data.counts or name == "train"]
    assert min(splits.values()) >= 1 and sum(splits[name] for name in drawn) <= data.counts["train"]
    assert all(splits[name] <= data.counts[name] for name in ("val", "test") if name in data.counts)
    assert splits["train"] >= data.classes
    share, lost = (
        config["families"]["real_add"]["doses"]["equal"]["share"],
        round(draft.limit(looked) * splits["extra"]),
    )
    assert round(share * splits["train"]) <= max(1, splits["extra"] - lost)
    for dose in config["families"]["duplicate"]["doses"].values() if splits["train"] > 2 * data.classes else ():
        assert (1 - dose["share"]) * splits["train"] >= data.classes


def test_a_draft_states_no_network_or_size_as_config_yaml_has_it() -> None:
    data = DataSet("set", BLOCK, 4, {"train": 5000}, 0.25)
    drafted = draft.config_of(data, None, wishes(False, "none"), next(iter(scale.sizes(data, 64))))
    assert drafted["backbones"] == {name: {"input": {"size": 64}} for name in ("efficientnet-lite0", "resnet-small")}
    assert "families" not in drafted["curvature"] and "figures" not in drafted
    assert "synthetic_samples" not in estimate.merged(drafted)["figures"]
    with_images = draft.config_of(data, None, wishes(False, "ddpm"), next(iter(scale.sizes(data, 64))))
    assert "synthetic_samples" in estimate.merged(with_images)["figures"]


@given(data_sets(), st.booleans(), st.sampled_from(["none", "ddpm", "text_to_image"]))
@settings(max_examples=20)
def test_nothing_made_for_digits_is_left(data: DataSet, is_drawn: bool, generator: draft.Generator) -> None:
    """Of each family that is used the doses are the draft's own, and so are data, networks, recipes and sizes."""
    size = next(iter(scale.sizes(data, 64)))
    difference = draft.config_of(data, None, wishes(is_drawn, generator), size)
    config, digits = estimate.merged(difference), default_config() or {}
    for name in config["study"]["families"]:
        own = {dose: values for dose, values in difference["families"][name]["doses"].items() if values}
        assert config["families"][name]["doses"] == own
        assert name not in ("dropout_inside", "resolution")
    augment = config["families"]["augment"]["doses"]
    assert all(augment[dose] != digits["families"]["augment"]["doses"][dose] for dose in augment)
    assert config["study"]["datasets"] == ["set"] and "uci-digits" not in str(config["data"]["set"])
    if generator != "none":
        assert [recipe["name"] for recipe in config["generate"]["recipes"]] == ["guided"]
        assert "digit" not in str(config["generate"])
    flips = {operation["name"] for dose in augment.values() for operation in dose["operations"]} & {
        "flip",
        "randaugment",
    }
    assert bool(flips) is not is_drawn


def test_a_handful_of_images_is_no_study() -> None:
    for classes, images, message in ((2, 18, "at least 10"), (40, 41, "one of each class")):
        with pytest.raises(UserError, match=message):
            list(scale.sizes(DataSet("set", BLOCK, classes, {"train": images}, 0.5), 64))


def test_without_time_the_smallest_study_that_decides_a_claim_is_chosen() -> None:
    data = DataSet("set", BLOCK, 4, {"train": 5000}, 0.25)
    drafted = lambda size: draft.config_of(data, None, wishes(False, "none"), size)  # noqa: E731
    costs = iter(range(100, 0, -1))
    difference, took = estimate.chosen(scale.sizes(data, 64), drafted, 0.5, lambda _: float(next(costs)))
    assert difference == drafted(list(scale.sizes(data, 64))[-1]) and took > 0.5
    first, took = estimate.chosen(scale.sizes(data, 64), drafted, 1e9, lambda _: 1.0)
    assert first == drafted(next(iter(scale.sizes(data, 64)))) and took == 1.0


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (draft.WHEEL, ["efficientnet-lite0", "resnet-small"]),
        (draft.Network("resnet18", "hub"), ["resnet18", "resnet-small"]),
        (draft.Network("resnet18", "none"), ["resnet18", "efficientnet-lite0"]),
        (draft.SMALL, ["resnet-small", "efficientnet-lite0"]),
    ],
)
def test_a_study_with_time_has_a_pretrained_network_and_one_from_scratch(
    chosen: draft.Network, names: list[str]
) -> None:
    data = DataSet("set", BLOCK, 4, {"train": 5000}, 0.25)
    wished = draft.Wishes("mine", False, "none", chosen, True, False)
    for size in scale.sizes(data, 64):
        config = estimate.merged(draft.config_of(data, None, wished, size))
        assert config["study"]["backbones"] == names[: size.networks]
        lacks = undecidable.claims(config)
        assert ("C2" in lacks) is (size.families != scale.FULL)
        assert ("C4" in lacks) is (size.networks == 1)


def test_time_for_one_network_gives_one() -> None:
    data = DataSet("set", BLOCK, 4, {"train": 5000}, 0.25)
    drafted = lambda size: draft.config_of(data, None, wishes(False, "none"), size)  # noqa: E731
    cost = lambda config: 20.0 * len(config["study"]["backbones"])  # noqa: E731
    counts = [
        len(estimate.chosen(scale.sizes(data, 64), drafted, wanted, cost)[0]["study"]["backbones"])
        for wanted in (60, 30)
    ]
    assert counts == [2, 1]
