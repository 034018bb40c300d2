"""Proof of action: what acts is seen, and what does not act as configured fails the run."""

import math
import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from unit.finetune.small_runs import (
    AFFINE,
    INPUT,
    MODEL,
    NEUTRAL,
    STEPS,
    acting,
    items,
    model,
    same,
    settings_of,
    trained,
)
from weightscape.assemble import loaded
from weightscape.augmentations import geometry
from weightscape.augmentations.operations import Operation
from weightscape.errors import UserError
from weightscape.finetune import proof, training, witness
from weightscape.finetune.seen import PlaceSeen
from weightscape.networks import building

pytestmark = pytest.mark.slow  # small networks are trained


def test_the_witness_sees_what_acts() -> None:
    act = acting(operations=(AFFINE,), dropout={"head": 0.4, "path": 0.4})
    _, seen, _ = trained(act)
    assert seen.changed_images == 1.0 and seen.mean_input_change > 0.01
    assert seen.places["head"].drop_rate == pytest.approx(0.4, abs=0.05)
    assert 0.1 < seen.places["path"].drop_rate < 0.3
    proof.verdict(seen, act, items().description(), STEPS)


def test_the_witness_sees_nothing_in_a_baseline() -> None:
    _, seen, _ = trained()
    counted = {"updates": 8, "items_drawn": 8 * 16, "unique_images": 60, "evaluations": 1, "images_watched": 8 * 16}
    facts = seen.facts()
    assert {name: facts[name] for name in counted} == counted
    assert seen.decay.rate > 0
    assert seen.dropout_modules == seen.operations == seen.mixing == {}
    known = (*counted, "decay_rate", "dropout_modules", "operations", "mixing", "head_entered")
    assert {value for name, value in facts.items() if name not in known} == {0.0}
    proof.verdict(seen, NEUTRAL, items().description(), STEPS)


def test_an_augmentation_that_is_built_but_not_trained_on_fails(monkeypatch: Any) -> None:
    act = acting(operations=(AFFINE,))

    def forgotten(images: torch.Tensor, *_: Any) -> torch.Tensor:
        return images

    monkeypatch.setattr(training, "augmented", forgotten)
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match="did not act as configured: only 0% of the images"):
        proof.verdict(seen, act, items().description(), STEPS)


def test_a_dropout_that_is_never_called_fails() -> None:
    act = acting(dropout={"head": 0.4, "path": 0.3})
    _, seen, _ = trained(act, net=model(NEUTRAL))
    with pytest.raises(UserError, match=r"dropout \(head\) of 0.4 was asked for, but 0.000 was seen"):
        proof.verdict(seen, act, items().description(), STEPS)


PLACED = [
    ("test_vit", {"mlp": 0.3}),
    ("test_vit", {"attention": 0.3}),
    ("test_vit", {"path": 0.3}),
    (MODEL, {"block": 0.3}),
]


@pytest.mark.parametrize("calls", [False, True])
@pytest.mark.parametrize(("name", "dropout"), PLACED)
def test_one_module_among_many_that_never_drops_fails(name: str, dropout: dict[str, float], calls: bool) -> None:
    """The published defect: dropout modules that are there and never called."""
    act, inputs = acting(dropout=dropout), replace(INPUT, size=160 if name == "test_vit" else 32)
    net = building.prepared(building.network(name, 3, dropout), torch.device("cpu"))
    *_, (place, idle) = (
        (at, module)
        for at, module in net.named_modules()
        if getattr(module, "p", 0) > 0 or (getattr(module, "drop_prob", 0) or 0) > 0
    )
    if calls:
        idle.forward = lambda entered: entered
    else:
        idle.__class__ = type(type(idle).__name__, (type(idle),), {"__call__": lambda self, entered: entered})
    _, seen = training.train(net, items(), settings_of(act, inputs))
    assert place in seen.dropout_modules
    words = "should drop 0.3, but dropped 0" if calls else "of rate 0.3 was never called"
    with pytest.raises(UserError, match=f"the dropout module {re.escape(place)} {words}"):
        proof.verdict(seen, act, items().description(), STEPS)


def test_the_record_names_every_module_that_drops_and_leaves_out_those_without_a_branch() -> None:
    act = acting(dropout={"path": 0.4, "head": 0.2})
    net = building.prepared(building.network("tf_efficientnet_lite0", 3, act.dropout), torch.device("cpu"))
    _, seen = training.train(net, items(), settings_of(act))
    proof.verdict(seen, act, items().description(), STEPS)
    paths = {name: one for name, one in seen.dropout_modules.items() if name.endswith("drop_path")}
    assert len(paths) == 9 and max(one.rate for one in paths.values()) == pytest.approx(0.35)
    assert all(one.entered == 8 * 16 for one in paths.values())


POLICY = (
    AFFINE,
    Operation("elastic", {"alpha": 8.0, "sigma": 3.0}),
    Operation("erasing", {"probability": 0.5, "area": 0.04}),
)


def test_each_operation_of_a_policy_is_proved(monkeypatch: Any) -> None:
    act = acting(operations=POLICY)
    _, seen, _ = trained(act)
    assert list(seen.operations) == ["0/affine", "1/elastic", "2/erasing"]
    assert seen.operations["2/erasing"] == pytest.approx(0.5, abs=0.2)
    proof.verdict(seen, act, items().description(), STEPS)
    for name in ("affine", "elastic", "erasing"):
        with monkeypatch.context() as patch:
            patch.setattr(geometry, name, lambda images, *_, **__: images)
            _, seen, _ = trained(act)
        with pytest.raises(UserError, match=f"the operation {name} of the policy changed 0% of the images"):
            proof.verdict(seen, act, items().description(), STEPS)


def test_looking_at_operations_changes_nothing(monkeypatch: Any) -> None:
    act = acting(operations=POLICY)
    looked = trained(act)[0]
    monkeypatch.setattr(training, "without_each", lambda *_: {})
    assert same(looked, trained(act)[0])


def test_synthetic_images_that_are_never_drawn_fail() -> None:
    _, seen, _ = trained()
    with pytest.raises(UserError, match=r"synthetic_share is 0.500 in the item list, but 0.000 was drawn"):
        act = acting(items=replace(NEUTRAL.items, synthetic_share=0.5))
        proof.verdict(seen, act, items().description() | {"synthetic_share": 0.5}, STEPS)


@pytest.mark.parametrize("share", ["synthetic_share", "extra_share", "changed_labels", "copies"])
def test_a_list_that_is_built_but_not_trained_on_fails(share: str) -> None:
    _, seen, _ = trained()
    act = acting(items=replace(NEUTRAL.items, **{share: 0.2}))
    with pytest.raises(UserError, match=f"{share} is 0.000 in the item list, but the dose asks for 0.200"):
        proof.verdict(seen, act, items().description(), STEPS)


@pytest.mark.parametrize(
    "operation",
    [
        Operation("flip", {"horizontal": 0.3, "vertical": 0.0}),
        Operation("erasing", {"probability": 0.2, "area": 0.1}),
    ],
)
def test_a_policy_that_spares_images_acts_as_configured(operation: Operation) -> None:
    act = acting(operations=(operation,))
    _, seen, _ = trained(act)
    assert 0.05 < seen.changed_images < 0.5
    proof.verdict(seen, act, items().description(), STEPS)
    with pytest.raises(UserError, match="only 0% of the images that the network saw were changed, the policy changes"):
        proof.verdict(replace(seen, changed_images=0.004, images_watched=1e6), act, items().description(), 8)


def test_synthetic_items_that_hold_real_images_fail() -> None:
    content = items()
    content.origins[30:] = loaded.SYNTHETIC
    act = acting(items=replace(NEUTRAL.items, synthetic_share=0.5))
    _, seen, _ = trained(content=content)
    proof.verdict(seen, act, content.description(), STEPS)
    content.images[30:] = content.images[:30]
    _, seen, _ = trained(content=content)
    with pytest.raises(UserError, match="of the images from elsewhere are real training images"):
        proof.verdict(seen, act, content.description(), STEPS)


def test_copies_of_real_images_that_the_run_does_not_draw_fail() -> None:
    content = items()
    content.origins[:] = loaded.SYNTHETIC
    act = acting(items=replace(NEUTRAL.items, synthetic_share=1.0))
    _, seen, _ = trained(content=content)
    proof.verdict(seen, act, content.description(), STEPS)
    assert isinstance(content.images, torch.Tensor)
    real = frozenset(witness.picture(image) for image in content.images.numpy())
    _, seen, _ = trained(content=replace(content, real=real))
    with pytest.raises(UserError, match="100% of the images from elsewhere are real training images"):
        proof.verdict(seen, act, content.description(), STEPS)


def test_noise_of_another_strength_fails() -> None:
    _, seen, _ = trained(acting(noise=0.1))
    proof.verdict(seen, acting(noise=0.1), items().description(), STEPS)
    with pytest.raises(UserError, match=r"noise of 0\.5 was asked for, but pixels changed by"):
        proof.verdict(seen, acting(noise=0.5), items().description(), STEPS)


def test_a_dropout_that_lets_nothing_through_is_not_one_of_nine_tenths() -> None:
    _, seen, _ = trained()
    seen = replace(seen, places={**seen.places, "head": PlaceSeen(1e6, 0.998, 0.0)})
    with pytest.raises(UserError, match=r"dropout \(head\) of 0.9 was asked for, but 0.998 was seen"):
        proof.verdict(seen, acting(dropout={"head": 0.9}), items().description(), STEPS)


def test_a_drop_between_layers_after_the_pooling_and_the_head_is_seen() -> None:
    act = acting(dropout={"head": 0.5})
    net = building.prepared(building.network("mobilenetv3_small_050", 3, act.dropout), torch.device("cpu"))
    _, seen = training.train(net, items(), settings_of(act, steps=3))
    proof.verdict(seen, act, items().description(), 3)


@pytest.mark.parametrize(
    ("name", "dropout"),
    [
        ("test_vit", {"head": 0.5, "attention": 0.3, "mlp": 0.2, "block": 0.1, "path": 0.2}),
        ("test_resnet", {"head": 0.9, "block": 0.2}),
    ],
)
def test_dropout_is_seen_at_every_place_and_never_in_evaluation(name: str, dropout: dict[str, float]) -> None:
    inputs = replace(INPUT, size=160 if name == "test_vit" else 32)
    net = building.prepared(building.network(name, 3, dropout), torch.device("cpu"))
    act = acting(dropout=dropout)
    _, seen = training.train(net, items(), settings_of(act, inputs, steps=3))
    proof.verdict(seen, act, items().description(), 3)
    for place, rate in dropout.items():
        if place != "path":
            assert seen.places[place].drop_rate == pytest.approx(rate, abs=0.1 * rate + 0.02)


def test_dropout_in_evaluation_mode_fails() -> None:
    act = acting(dropout={"block": 0.3})
    net = building.prepared(building.network(MODEL, 3, {"block": 0.3}), torch.device("cpu"))
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train = lambda mode=True, module=module: module  # stays in training mode
    _, seen = training.train(net, items(), settings_of(act))
    with pytest.raises(UserError, match=r"dropout \(block\) also acts in evaluation mode"):
        proof.verdict(seen, act, items().description(), STEPS)


def test_a_network_without_attention_cannot_drop_it() -> None:
    with pytest.raises(UserError, match=r"dropout in attention was asked for, but timm's 'test_resnet' cannot do it"):
        building.network(MODEL, 3, {"attention": 0.1})


def test_fewer_steps_than_asked_for_fail() -> None:
    _, seen, _ = trained(settings={"steps": 6})
    with pytest.raises(UserError, match="6 optimiser steps were made, 8 were asked for"):
        proof.verdict(seen, NEUTRAL, items().description(), 8)


def test_images_that_are_not_drawn_fail() -> None:
    _, seen, _ = trained()
    with pytest.raises(UserError, match="30 different images are in the item list, but 60 were drawn"):
        act = acting(items=replace(NEUTRAL.items, copies=0.5))
        proof.verdict(seen, act, items().description() | {"unique_images": 30}, 8)


def test_a_run_whose_evaluation_mode_was_not_looked_at_fails(monkeypatch: Any) -> None:
    monkeypatch.setattr(witness.Witness, "look_at_evaluation", lambda *_: None)
    _, seen, _ = trained()
    with pytest.raises(UserError, match="evaluation mode was never looked at"):
        proof.verdict(seen, NEUTRAL, items().description(), STEPS)


@pytest.mark.parametrize("side", [28, 32, 48, 96])
def test_noise_is_measured_as_that_of_the_stored_pixels_whatever_the_network_makes_of_their_size(side: int) -> None:
    """The mean of |N(0, sigma)| is .8 sigma; a network of 32 px averages the noise of larger images."""
    content = items(32)
    grey = torch.full((32, 1, side, side), 128, dtype=torch.uint8)
    seen = trained(acting(noise=0.05), replace(content, images=grey))[1]
    expected = 0.05 * (2 / math.pi) ** 0.5
    assert seen.mean_pixel_change == pytest.approx(expected, rel=0.15 if side >= 32 else 0.5)
