from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weightscape import action, feed, networks, training
from weightscape.errors import UserError

MODEL = "test_resnet"
INPUT = {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
NEUTRAL = {
    "operations": [],
    "noise": 0.0,
    "dropout": {"head": 0.0, "path": 0.0},
    "weight_decay": {"decay": 0.0, "coupled": False, "head": True, "norms": False},
    "items": dict.fromkeys(("synthetic_share", "extra_share", "changed_labels", "copies"), 0.0),
}
DECOUPLED = {"decay": 0.5, "coupled": False, "head": True, "norms": False}
COUPLED = DECOUPLED | {"coupled": True}
AFFINE = {"name": "affine", "degrees": 20, "translate": 0.1, "scale": 0.1, "shear": 5}
SETTINGS = {
    "steps": 8,
    "batch_size": 16,
    "optimizer": "adam",
    "precision": "float32",
    "compile": False,
    "learning_rate": 1e-3,
    "schedule": "one_cycle",
    "rise": 0.3,
    "betas": [0.9, 0.999],
    "witness_every": 1,
    "history_every": 2,
    "checkpoint_every": 2,
}


def items(count: int = 60) -> feed.Items:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 255, (count, 1, 28, 28), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 3, count))
    return feed.Items(images, labels, labels.clone(), torch.zeros(count, dtype=torch.int8), torch.arange(count))


def model(act: dict[str, Any] = NEUTRAL, seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    net = networks.network(MODEL, 3, act["dropout"])
    networks.initialise_head(net, seed)
    return networks.prepared(net, torch.device("cpu"))


def trained(
    act: dict[str, Any] = NEUTRAL, content: feed.Items | None = None, **keywords: Any
) -> tuple[dict[str, np.ndarray], dict[str, float], list]:
    net = keywords.pop("net", None) or model(act)
    settings = {**SETTINGS, **keywords.pop("settings", {})}
    history, seen = training.train(net, content or items(), settings, act, INPUT, run_seed=4, **keywords)
    return networks.tensors_of(net), seen, history


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_a_run_repeats_bit_by_bit_and_differs_with_its_seed() -> None:
    first, second = trained()[0], trained()[0]
    assert same(first, second)
    net = model()
    training.train(net, items(), SETTINGS, NEUTRAL, INPUT, run_seed=5)
    assert not same(first, networks.tensors_of(net))


@pytest.mark.parametrize(
    "act",
    [
        NEUTRAL | {"operations": [AFFINE]},
        NEUTRAL | {"noise": 0.1},
        NEUTRAL | {"dropout": {"head": 0.4, "path": 0.3}},
        NEUTRAL | {"weight_decay": DECOUPLED},
        NEUTRAL | {"weight_decay": COUPLED},
    ],
)
def test_every_action_changes_the_weights(act: dict[str, Any]) -> None:
    assert not same(trained()[0], trained(act)[0])


def test_decoupled_decay_follows_its_theory() -> None:
    """AdamW with zero gradient shrinks a weight by the product of (1 - rate x decay)."""
    weight = torch.nn.Linear(3, 3, bias=False)
    before = weight.weight.detach().clone()
    optimizer = training.optimiser(weight, SETTINGS, DECOUPLED)
    expected = 1.0
    for step in range(5):
        rate = training.learning_rate(step, SETTINGS)
        optimizer.param_groups[0]["lr"] = rate
        weight.weight.grad = torch.zeros_like(before)
        optimizer.step()
        expected *= 1 - rate * 0.5
    torch.testing.assert_close(weight.weight.detach(), before * expected)


def test_biases_and_normalisation_are_not_decayed() -> None:
    optimizer = training.optimiser(model(), SETTINGS, DECOUPLED)
    decayed, others = optimizer.param_groups
    assert decayed["weight_decay"] == 0.5 and all(p.ndim > 1 for p in decayed["params"])
    assert others["weight_decay"] == 0.0 and all(p.ndim <= 1 for p in others["params"])


class Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [3, 5])
def test_a_killed_run_resumes_to_identical_weights(tmp_path: Path, kill_at: int, monkeypatch: Any) -> None:
    act = NEUTRAL | {"operations": [AFFINE], "dropout": {"head": 0.4, "path": 0.3}}
    whole, seen, history = trained(act)
    checkpoint = training.Checkpoint(tmp_path / "checkpoint.pt", "identity")
    rate = training.learning_rate

    def dying(step: int, settings: Any) -> float:
        if step == kill_at:
            raise Killed
        return rate(step, settings)

    monkeypatch.setattr(training, "learning_rate", dying)
    with pytest.raises(Killed):
        trained(act, checkpoint=checkpoint)
    monkeypatch.setattr(training, "learning_rate", rate)
    assert checkpoint.path.exists()
    resumed, seen_again, history_again = trained(act, checkpoint=checkpoint)
    assert same(whole, resumed)
    assert seen == seen_again and history == history_again


def test_a_checkpoint_of_another_identity_is_refused(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "checkpoint.pt"
    net = model()
    training.Checkpoint(path, "one").save(
        4,
        net,
        training.optimiser(net, SETTINGS, NEUTRAL["weight_decay"]),
        torch.amp.GradScaler("cpu", enabled=False),
        action.Witness(net, INPUT, 60),
        [],
    )
    assert same(trained(checkpoint=training.Checkpoint(path, "other"))[0], trained()[0])
    assert "other settings, code or inputs" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_said() -> None:
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step"):
        trained(settings={"learning_rate": 1e30, "schedule": "constant"})


def test_the_witness_sees_what_acts() -> None:
    act = NEUTRAL | {"operations": [AFFINE], "dropout": {"head": 0.4, "path": 0.4}}
    _, seen, _ = trained(act)
    assert seen["changed_images"] == 1.0 and seen["mean_input_change"] > 0.01
    assert seen["head_drop_rate"] == pytest.approx(0.4, abs=0.05)
    assert 0.1 < seen["path_drop_rate"] < 0.3
    action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_the_witness_sees_nothing_in_a_baseline() -> None:
    _, seen, _ = trained()
    counted = {"updates": 8, "items_drawn": 8 * 16, "unique_images": 60, "evaluations": 1, "images_watched": 8 * 16}
    assert {name: seen[name] for name in counted} == counted
    assert seen["decay_rate"] > 0
    assert {value for name, value in seen.items() if name not in (*counted, "decay_rate")} == {0.0}
    action.verdict(seen, NEUTRAL, items().description(), SETTINGS["steps"])


def test_an_augmentation_that_is_built_but_not_trained_on_fails(monkeypatch: Any) -> None:
    act = NEUTRAL | {"operations": [AFFINE]}

    def forgotten(images: torch.Tensor, *_: Any) -> torch.Tensor:
        return images

    monkeypatch.setattr(training, "augmented", forgotten)
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match="did not act as configured: only 0% of the images"):
        action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_a_dropout_that_is_never_called_fails() -> None:
    act = NEUTRAL | {"dropout": {"head": 0.4, "path": 0.3}}
    _, seen, _ = trained(act, net=model(NEUTRAL))
    with pytest.raises(UserError, match=r"dropout \(head\) of 0.4 was asked for, but 0.000 was seen"):
        action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_synthetic_images_that_are_never_drawn_fail() -> None:
    _, seen, _ = trained()
    with pytest.raises(UserError, match=r"synthetic_share is 0.500 in the item list, but 0.000 was drawn"):
        act = NEUTRAL | {"items": NEUTRAL["items"] | {"synthetic_share": 0.5}}
        action.verdict(seen, act, items().description() | {"synthetic_share": 0.5}, SETTINGS["steps"])


@pytest.mark.parametrize("share", ["synthetic_share", "extra_share", "changed_labels", "copies"])
def test_a_list_that_is_built_but_not_trained_on_fails(share: str) -> None:
    _, seen, _ = trained()
    act = NEUTRAL | {"items": NEUTRAL["items"] | {share: 0.2}}
    with pytest.raises(UserError, match=f"{share} is 0.000 in the item list, but the dose asks for 0.200"):
        action.verdict(seen, act, items().description(), SETTINGS["steps"])


@pytest.mark.parametrize(
    "values", [{"name": "flip", "horizontal": 0.3}, {"name": "erasing", "probability": 0.2, "area": 0.1}]
)
def test_a_policy_that_spares_images_acts_as_configured(values: dict[str, Any]) -> None:
    act = NEUTRAL | {"operations": [values]}
    _, seen, _ = trained(act)
    assert 0.05 < seen["changed_images"] < 0.5
    action.verdict(seen, act, items().description(), SETTINGS["steps"])
    with pytest.raises(UserError, match="only 5% of the images that the network saw were changed, the policy changes"):
        action.verdict({**seen, "changed_images": 0.05, "images_watched": 1e4}, act, items().description(), 8)


def test_every_epoch_visits_every_item_once() -> None:
    parts = [feed.batch_rows(3, step, 16, 60) for step in range(15)]
    rows, epochs = (torch.cat(list(part)) for part in zip(*parts, strict=True))
    for epoch in range(4):
        assert sorted(rows[epochs == epoch].tolist()) == list(range(60))


def test_the_rate_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    settings = {**SETTINGS, "steps": 100}
    rates = [training.learning_rate(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(4e-5) and max(rates) == pytest.approx(1e-3) and rates[-1] < 1e-6


@pytest.mark.parametrize("decay", [DECOUPLED, COUPLED])
def test_the_witness_sees_decay_by_replay(decay: dict[str, Any]) -> None:
    _, seen, _ = trained(NEUTRAL | {"weight_decay": decay})
    action.verdict(seen, NEUTRAL | {"weight_decay": decay}, items().description(), SETTINGS["steps"])
    if not decay["coupled"]:
        assert seen["decay_seen"] == pytest.approx(training.learning_rate(2, SETTINGS) * 0.5, rel=0.01)


def test_decay_that_does_not_act_fails(monkeypatch: Any) -> None:
    act = NEUTRAL | {"weight_decay": DECOUPLED}
    build = training.optimiser
    monkeypatch.setattr(
        training, "optimiser", lambda model, settings, _: build(model, settings, NEUTRAL["weight_decay"])
    )
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match=r"a weight decay of 0.5 was asked for, but one step moved the weights by 0"):
        action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_decay_in_a_baseline_fails() -> None:
    _, seen, _ = trained(NEUTRAL | {"weight_decay": DECOUPLED})
    with pytest.raises(UserError, match="weights decayed for which no decay was asked"):
        action.verdict(seen, NEUTRAL, items().description(), SETTINGS["steps"])


def test_another_decay_than_that_asked_for_fails() -> None:
    _, seen, _ = trained(NEUTRAL | {"weight_decay": DECOUPLED | {"decay": 0.05}})
    with pytest.raises(UserError, match=r"a weight decay of 0.5 was asked for, but one step moved the weights by"):
        action.verdict(seen, NEUTRAL | {"weight_decay": DECOUPLED}, items().description(), SETTINGS["steps"])


@pytest.mark.parametrize("asked", [0.5, 5e-4])
def test_a_coupled_decay_that_is_another_or_misses_a_tensor_fails(monkeypatch: Any, asked: float) -> None:
    decay = COUPLED | {"decay": asked}
    act, original = NEUTRAL | {"weight_decay": decay}, training.optimiser
    _, seen, _ = trained(act)
    assert seen["decay_error"] < 0.02

    def weak(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
        return original(model, settings, decay | {"decay": asked / 50})

    def sparing(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
        optimizer = original(model, settings, decay)
        optimizer.param_groups[1]["params"].append(optimizer.param_groups[0]["params"].pop())
        return optimizer

    for planted in (weak, sparing):
        monkeypatch.setattr(training, "optimiser", planted)
        _, seen, _ = trained(act)
        with pytest.raises(UserError, match="a coupled weight decay of"):
            action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_a_tensor_that_should_not_decay_or_does_not_fails(monkeypatch: Any) -> None:
    original = training.optimiser

    def planted(decayed: bool) -> Any:
        def build(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
            optimizer = original(model, settings, decay)
            first, second = optimizer.param_groups
            (second if decayed else first)["params"].append((first if decayed else second)["params"].pop())
            return optimizer

        return build

    act = NEUTRAL | {"weight_decay": DECOUPLED}
    for decayed, words in ((True, "one step moved the weights by"), (False, "for which no decay was asked")):
        monkeypatch.setattr(training, "optimiser", planted(decayed))
        seen = trained(act)[1]
        with pytest.raises(UserError, match=words):
            action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_synthetic_items_that_hold_real_images_fail() -> None:
    content = items()
    content.origins[30:] = feed.SYNTHETIC
    act = NEUTRAL | {"items": NEUTRAL["items"] | {"synthetic_share": 0.5}}
    _, seen, _ = trained(content=content)
    action.verdict(seen, act, content.description(), SETTINGS["steps"])
    content.images[30:] = content.images[:30]
    _, seen, _ = trained(content=content)
    with pytest.raises(UserError, match="of the images from elsewhere are real training images"):
        action.verdict(seen, act, content.description(), SETTINGS["steps"])


def test_noise_of_another_strength_fails() -> None:
    _, seen, _ = trained(NEUTRAL | {"noise": 0.1})
    action.verdict(seen, NEUTRAL | {"noise": 0.1}, items().description(), SETTINGS["steps"])
    with pytest.raises(UserError, match=r"noise of 0\.5 was asked for, but pixels changed by"):
        action.verdict(seen, NEUTRAL | {"noise": 0.5}, items().description(), SETTINGS["steps"])


def test_a_dropout_that_lets_nothing_through_is_not_one_of_nine_tenths() -> None:
    _, seen, _ = trained()
    seen = {**seen, "head_drop_rate": 0.998}
    with pytest.raises(UserError, match=r"dropout \(head\) of 0.9 was asked for, but 0.998 was seen"):
        action.verdict(seen, NEUTRAL | {"dropout": {"head": 0.9}}, items().description(), SETTINGS["steps"])


def test_a_drop_between_layers_after_the_pooling_and_the_head_is_seen() -> None:
    act = NEUTRAL | {"dropout": {"head": 0.5}}
    net = networks.prepared(networks.network("mobilenetv3_small_050", 3, act["dropout"]), torch.device("cpu"))
    _, seen = training.train(net, items(), SETTINGS | {"steps": 3}, act, INPUT, run_seed=4)
    action.verdict(seen, act, items().description(), 3)


def test_weights_that_are_not_finite_at_the_end_are_no_result(monkeypatch: Any) -> None:
    last = SETTINGS["steps"] - 1
    rate = training.learning_rate
    monkeypatch.setattr(training, "learning_rate", lambda step, s: float("inf") if step == last else rate(step, s))
    with pytest.raises(UserError, match="the weights are not finite after 8 steps"):
        trained()


def test_a_neutral_dose_is_the_baseline_to_the_bit() -> None:
    """METHODS 1: strength 0 of any family repeats the baseline at an equal seed."""
    neutral = NEUTRAL | {"dropout": dict.fromkeys(action.DROPOUTS, 0.0), "weight_decay": COUPLED | {"decay": 0.0}}
    affine = {"name": "affine", "degrees": 0, "translate": 0.0, "scale": 0.0, "shear": 0}
    assert same(trained()[0], trained(neutral | {"noise": 0.0})[0])
    np.testing.assert_allclose(
        trained(NEUTRAL | {"operations": [affine]})[0]["fc.weight"], trained()[0]["fc.weight"], atol=1e-4
    )


def test_looking_at_decay_changes_nothing(monkeypatch: Any) -> None:
    act = NEUTRAL | {"weight_decay": DECOUPLED}
    looked = trained(act)[0]
    monkeypatch.setattr(training, "step_seen", lambda model, optimizer, *others: optimizer.step())
    assert same(looked, trained(act)[0])


@pytest.mark.parametrize(("head", "norms"), [(True, False), (False, False), (True, True)])
def test_a_dose_chooses_what_decays(head: bool, norms: bool) -> None:
    net = model()
    decayed, _ = training.optimiser(net, SETTINGS, DECOUPLED | {"head": head, "norms": norms}).param_groups
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    chosen = {names[id(parameter)] for parameter in decayed["params"]}
    assert ("fc.weight" in chosen) == head and ("bn1.weight" in chosen) == norms and "layer1.0.conv1.weight" in chosen


@pytest.mark.parametrize(
    ("name", "dropout"),
    [
        ("test_vit", {"head": 0.5, "attention": 0.3, "mlp": 0.2, "block": 0.1, "path": 0.2}),
        ("test_resnet", {"head": 0.9, "block": 0.2}),
    ],
)
def test_dropout_is_seen_at_every_place_and_never_in_evaluation(name: str, dropout: dict[str, float]) -> None:
    inputs = INPUT | {"size": 160 if name == "test_vit" else 32}
    net = networks.prepared(networks.network(name, 3, dropout), torch.device("cpu"))
    act = NEUTRAL | {"dropout": dropout}
    _, seen = training.train(net, items(), SETTINGS | {"steps": 3}, act, inputs, run_seed=4)
    action.verdict(seen, act, items().description(), 3)
    for place, rate in dropout.items():
        if place != "path":
            assert seen[f"{place}_drop_rate"] == pytest.approx(rate, abs=0.1 * rate + 0.02)


def test_dropout_in_evaluation_mode_fails() -> None:
    act = NEUTRAL | {"dropout": {"block": 0.3}}
    net = networks.prepared(networks.network(MODEL, 3, {"block": 0.3}), torch.device("cpu"))
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train = lambda mode=True, module=module: module  # stays in training mode
    _, seen = training.train(net, items(), SETTINGS, act, INPUT, run_seed=4)
    with pytest.raises(UserError, match=r"dropout \(block\) also acts in evaluation mode"):
        action.verdict(seen, act, items().description(), SETTINGS["steps"])


def test_a_network_without_attention_cannot_drop_it() -> None:
    with pytest.raises(UserError, match=r"dropout in attention was asked for, but timm's 'test_resnet' cannot do it"):
        networks.network(MODEL, 3, {"attention": 0.1})


def test_fewer_steps_than_asked_for_fail() -> None:
    _, seen, _ = trained(settings={"steps": 6})
    with pytest.raises(UserError, match="6 optimiser steps were made, 8 were asked for"):
        action.verdict(seen, NEUTRAL, items().description(), 8)


def test_images_that_are_not_drawn_fail() -> None:
    _, seen, _ = trained()
    with pytest.raises(UserError, match="30 different images are in the item list, but 60 were drawn"):
        act = NEUTRAL | {"items": NEUTRAL["items"] | {"copies": 0.5}}
        action.verdict(seen, act, items().description() | {"unique_images": 30}, 8)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_trains(precision: str) -> None:
    content = items(16)
    net = model()
    steps = 30 if precision == "bfloat16" else 12  # a CPU is slow with float16
    history, seen = training.train(net, content, SETTINGS | {"precision": precision, "steps": steps}, NEUTRAL, INPUT, 4)
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
    action.verdict(seen, NEUTRAL, content.description(), steps)


def test_sgd_follows_its_formula() -> None:
    weight = torch.nn.Linear(3, 3, bias=False)
    before = weight.weight.detach().clone()
    settings = SETTINGS | {"optimizer": "sgd", "learning_rate": 0.1}
    optimizer = training.optimiser(weight, settings, COUPLED)
    weight.weight.grad = torch.ones_like(before)
    optimizer.step()
    torch.testing.assert_close(weight.weight.detach(), before - 0.1 * (1 + 0.5 * before))


def test_a_run_whose_evaluation_mode_was_not_looked_at_fails(monkeypatch: Any) -> None:
    monkeypatch.setattr(action.Witness, "look_at_evaluation", lambda *_: None)
    _, seen, _ = trained()
    with pytest.raises(UserError, match="evaluation mode was never looked at"):
        action.verdict(seen, NEUTRAL, items().description(), SETTINGS["steps"])
