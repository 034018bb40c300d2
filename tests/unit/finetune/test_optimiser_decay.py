"""Proof of action of weight decay: by theory and by replay, on every tensor that was asked to decay and no other."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from unit.finetune.small_runs import COUPLED, DECOUPLED, NEUTRAL, STEPS, TRAINING, acting, items, same, trained
from weightscape.errors import UserError
from weightscape.finetune import optimiser, proof, training
from weightscape.finetune.seen import DecaySeen
from weightscape.finetune.settings import WeightDecay


def test_decoupled_decay_follows_its_theory() -> None:
    """AdamW with zero gradient shrinks a weight by the product of (1 - rate x decay)."""
    weight = torch.nn.Linear(3, 3, bias=False)
    before = weight.weight.detach().clone()
    optimizer = optimiser.optimiser(weight, TRAINING, DECOUPLED)
    expected = 1.0
    for step in range(5):
        rate = optimiser.learning_rate(step, TRAINING)
        optimizer.param_groups[0]["lr"] = rate
        weight.weight.grad = torch.zeros_like(before)
        optimizer.step()
        expected *= 1 - rate * 0.5
    torch.testing.assert_close(weight.weight.detach(), before * expected)


def test_decay_that_ends_after_a_while_fails(monkeypatch: Any) -> None:
    act, rate = acting(weight_decay=DECOUPLED), optimiser.learning_rate
    made: list[torch.optim.Optimizer] = []
    build = optimiser.optimiser

    def kept(*arguments: Any) -> torch.optim.Optimizer:
        made.append(build(*arguments))
        return made[-1]

    def ending(step: int, settings: Any) -> float:
        for group in made[-1].param_groups if step == 5 else ():
            group["weight_decay"] = 0.0
        return rate(step, settings)

    monkeypatch.setattr(training, "optimiser", kept)
    monkeypatch.setattr(training, "learning_rate", ending)
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match=r"a weight decay of 0\.5 was asked for, but one step moved"):
        proof.verdict(seen, act, items().description(), STEPS)


@pytest.mark.parametrize("decay", [DECOUPLED, COUPLED])
def test_the_witness_sees_decay_by_replay(decay: WeightDecay) -> None:
    _, seen, _ = trained(acting(weight_decay=decay))
    proof.verdict(seen, acting(weight_decay=decay), items().description(), STEPS)
    if not decay.coupled:
        assert seen.decay.rate == pytest.approx(sum(optimiser.learning_rate(step, TRAINING) for step in (2, 4, 6)) / 3)
        assert seen.decay.seen == pytest.approx(seen.decay.rate * 0.5, rel=0.01)


def test_decay_that_does_not_act_fails(monkeypatch: Any) -> None:
    act = acting(weight_decay=DECOUPLED)
    build = optimiser.optimiser
    monkeypatch.setattr(training, "optimiser", lambda model, settings, _: build(model, settings, NEUTRAL.weight_decay))
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match=r"a weight decay of 0.5 was asked for, but one step moved the weights by 0"):
        proof.verdict(seen, act, items().description(), STEPS)


def test_decay_in_a_baseline_fails() -> None:
    _, seen, _ = trained(acting(weight_decay=DECOUPLED))
    with pytest.raises(UserError, match="weights decayed for which no decay was asked"):
        proof.verdict(seen, NEUTRAL, items().description(), STEPS)


def test_another_decay_than_that_asked_for_fails() -> None:
    _, seen, _ = trained(acting(weight_decay=replace(DECOUPLED, decay=0.05)))
    with pytest.raises(UserError, match=r"a weight decay of 0.5 was asked for, but one step moved the weights by"):
        proof.verdict(seen, acting(weight_decay=DECOUPLED), items().description(), STEPS)


@pytest.mark.parametrize("asked", [0.5, 5e-4])
def test_a_coupled_decay_that_is_another_or_misses_a_tensor_fails(monkeypatch: Any, asked: float) -> None:
    decay = replace(COUPLED, decay=asked)
    act, original = acting(weight_decay=decay), optimiser.optimiser
    _, seen, _ = trained(act)
    assert seen.decay.error < 0.02

    def weak(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
        return original(model, settings, replace(decay, decay=asked / 50))

    def sparing(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
        optimizer = original(model, settings, decay)
        optimizer.param_groups[1]["params"].append(optimizer.param_groups[0]["params"].pop())
        return optimizer

    for planted in (weak, sparing):
        monkeypatch.setattr(training, "optimiser", planted)
        _, seen, _ = trained(act)
        with pytest.raises(UserError, match="a coupled weight decay of"):
            proof.verdict(seen, act, items().description(), STEPS)


def test_a_tensor_that_should_not_decay_or_does_not_fails(monkeypatch: Any) -> None:
    original = optimiser.optimiser

    def planted(decayed: bool) -> Any:
        def build(model: torch.nn.Module, settings: Any, decay: Any) -> torch.optim.Optimizer:
            optimizer = original(model, settings, decay)
            first, second = optimizer.param_groups
            (second if decayed else first)["params"].append((first if decayed else second)["params"].pop())
            return optimizer

        return build

    act = acting(weight_decay=DECOUPLED)
    for decayed, words in ((True, "one step moved the weights by"), (False, "for which no decay was asked")):
        monkeypatch.setattr(training, "optimiser", planted(decayed))
        seen = trained(act)[1]
        with pytest.raises(UserError, match=words):
            proof.verdict(seen, act, items().description(), STEPS)


def test_looking_at_decay_changes_nothing(monkeypatch: Any) -> None:
    act = acting(weight_decay=DECOUPLED)
    looked = trained(act)[0]

    def unseen(model: Any, optimizer: Any, *others: Any) -> DecaySeen:
        optimizer.step()
        return DecaySeen(0.0, 0.0, 0.0, 0.0, 0.0)

    monkeypatch.setattr(training, "step_seen", unseen)
    assert same(looked, trained(act)[0])
