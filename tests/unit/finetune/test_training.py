"""The training loop: repeatable, resumable, by its formulas."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unit.finetune.small_runs import (
    AFFINE,
    COUPLED,
    DECOUPLED,
    INPUT,
    NEUTRAL,
    STEPS,
    TRAINING,
    acting,
    items,
    model,
    same,
    settings_of,
    trained,
)
from weightscape.augmentations.operations import Operation
from weightscape.errors import UserError
from weightscape.finetune import optimiser, proof, training, witness
from weightscape.finetune.settings import Action
from weightscape.networks import building
from weightscape.networks.checkpoint import Checkpoint
from weightscape.networks.settings import DROPOUTS
from weightscape.seeds import seed

pytestmark = pytest.mark.slow  # small networks are trained


def test_a_run_repeats_bit_by_bit_and_differs_with_its_seed() -> None:
    first, second = trained()[0], trained()[0]
    assert same(first, second)
    net = model()
    training.train(net, items(), replace(settings_of(NEUTRAL), seed=5))
    assert not same(first, building.tensors_of(net))


@pytest.mark.parametrize(
    "act",
    [
        acting(operations=(AFFINE,)),
        acting(noise=0.1),
        acting(dropout={"head": 0.4, "path": 0.3}),
        acting(weight_decay=DECOUPLED),
        acting(weight_decay=COUPLED),
    ],
)
def test_every_action_changes_the_weights(act: Action) -> None:
    assert not same(trained()[0], trained(act)[0])


def test_biases_and_normalisation_are_not_decayed() -> None:
    optimizer = optimiser.optimiser(model(), TRAINING, DECOUPLED)
    decayed, others = optimizer.param_groups
    assert decayed["weight_decay"] == 0.5 and all(p.ndim > 1 for p in decayed["params"])
    assert others["weight_decay"] == 0.0 and all(p.ndim <= 1 for p in others["params"])


class Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [3, 5])
def test_a_killed_run_resumes_to_identical_weights(tmp_path: Path, kill_at: int, monkeypatch: Any) -> None:
    act = acting(operations=(AFFINE,), dropout={"head": 0.4, "path": 0.3})
    whole, seen, history = trained(act)
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "identity")
    rate = optimiser.learning_rate

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
    Checkpoint(path, "one").save(
        4,
        vars(
            training.State(
                net,
                optimiser.optimiser(net, TRAINING, NEUTRAL.weight_decay),
                torch.amp.GradScaler("cpu", enabled=False),
                witness.Witness(net, INPUT, 60),
                [],
            )
        ),
    )
    assert same(trained(checkpoint=Checkpoint(path, "other"))[0], trained()[0])
    assert "other settings, code or inputs" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_said() -> None:
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step"):
        trained(settings={"learning_rate": 1e30, "schedule": "constant"})


@pytest.mark.parametrize(("rate", "words"), [(1e30, "the loss is (nan|inf)"), (float("inf"), "weights are not finite")])
def test_the_checkpoint_of_a_run_that_diverged_has_finite_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float, words: str
) -> None:
    path, usual = tmp_path / "checkpoint.pt", optimiser.learning_rate
    monkeypatch.setattr(training, "learning_rate", lambda step, s: rate if step >= 5 else usual(step, s))
    with pytest.raises(UserError, match=words):
        trained(checkpoint=Checkpoint(path, "x"), settings={"history_every": 1})
    state = torch.load(path, weights_only=True)
    assert state["step"] >= 5 and all(bool(torch.isfinite(tensor).all()) for tensor in state["model"].values())


def test_every_epoch_visits_every_item_once() -> None:
    parts = [training.batch_rows(3, step, 16, 60) for step in range(15)]
    rows, epochs = (torch.cat(list(part)) for part in zip(*parts, strict=True))
    for epoch in range(4):
        assert sorted(rows[epochs == epoch].tolist()) == list(range(60))


def test_the_rate_rises_to_its_peak_and_falls_to_nearly_nothing() -> None:
    settings = replace(TRAINING, steps=100)
    rates = [optimiser.learning_rate(step, settings) for step in range(100)]
    assert rates[0] == pytest.approx(4e-5) and max(rates) == pytest.approx(1e-3) and rates[-1] < 1e-6


def test_weights_that_are_not_finite_at_the_end_are_no_result(monkeypatch: Any) -> None:
    last = STEPS - 1
    rate = optimiser.learning_rate
    monkeypatch.setattr(training, "learning_rate", lambda step, s: float("inf") if step == last else rate(step, s))
    with pytest.raises(UserError, match="the weights are not finite after 8 steps"):
        trained()


def test_a_neutral_dose_is_the_baseline_to_the_bit() -> None:
    """METHODS 1: strength 0 of any family repeats the baseline at an equal seed."""
    neutral = acting(dropout=dict.fromkeys(DROPOUTS, 0.0), weight_decay=replace(COUPLED, decay=0.0))
    affine = Operation("affine", {"degrees": 0, "translate": 0.0, "scale": 0.0, "shear": 0})
    assert same(trained()[0], trained(neutral)[0])
    np.testing.assert_allclose(
        trained(acting(operations=(affine,)))[0]["fc.weight"], trained()[0]["fc.weight"], atol=1e-4
    )


@pytest.mark.parametrize(("head", "norms"), [(True, False), (False, False), (True, True)])
def test_a_dose_chooses_what_decays(head: bool, norms: bool) -> None:
    net = model()
    decayed, _ = optimiser.optimiser(net, TRAINING, replace(DECOUPLED, head=head, norms=norms)).param_groups
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    chosen = {names[id(parameter)] for parameter in decayed["params"]}
    assert ("fc.weight" in chosen) == head and ("bn1.weight" in chosen) == norms and "layer1.0.conv1.weight" in chosen


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_low_precision_trains(precision: str) -> None:
    content = items(16)
    net = model()
    steps = 30 if precision == "bfloat16" else 12  # a CPU is slow with float16
    history, seen = training.train(net, content, settings_of(NEUTRAL, precision=precision, steps=steps))
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(parameter.dtype == torch.float32 for parameter in net.parameters())
    proof.verdict(seen, NEUTRAL, content.description(), steps)


@pytest.mark.parametrize(
    ("device", "capability", "choice", "found"),
    [
        ("cpu", None, "auto", "float32"),
        ("cpu", None, "bfloat16", "bfloat16"),
        ("cuda", (9, 0), "auto", "bfloat16"),
        ("cuda", (8, 0), "auto", "bfloat16"),
        ("cuda", (7, 5), "auto", "float16"),
        ("cuda", (6, 1), "auto", "float32"),
        ("cuda", (9, 0), "float32", "float32"),
    ],
)
def test_the_precision_fits_the_device(
    device: str, capability: tuple[int, int] | None, choice: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert optimiser.precision_on(torch.device(device), choice) == found


def test_steps_that_float16_leaves_out_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    scaler = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", lambda *a, **k: scaler(*a, init_scale=2.0**40, **k))
    _, seen = training.train(model(), items(16), settings_of(NEUTRAL, precision="float16", steps=4))
    assert seen.skipped_updates == 4
    _, seen = training.train(model(), items(16), settings_of(NEUTRAL, steps=4))
    assert seen.skipped_updates == 0


def test_sgd_follows_its_formula() -> None:
    weight = torch.nn.Linear(3, 3, bias=False)
    before = weight.weight.detach().clone()
    settings = replace(TRAINING, optimizer="sgd", learning_rate=0.1)
    optimizer = optimiser.optimiser(weight, settings, COUPLED)
    weight.weight.grad = torch.ones_like(before)
    optimizer.step()
    torch.testing.assert_close(weight.weight.detach(), before - 0.1 * (1 + 0.5 * before))


def literal_rows(step: int, batch: int, count: int) -> tuple[list[int], list[int]]:
    """The items of one step: the epochs' permutations one after the other, cut into batches."""
    rows, epochs = [], []
    for epoch in range((step + 1) * batch // count + 1):
        source = torch.Generator().manual_seed(seed("order", 3, epoch))
        rows += torch.randperm(count, generator=source).tolist()
        epochs += [epoch] * count
    return rows[step * batch : (step + 1) * batch], epochs[step * batch : (step + 1) * batch]


@pytest.mark.parametrize(("batch", "count"), [(16, 60), (7, 7), (25, 10), (4, 50)])
def test_a_step_takes_the_next_items_of_its_epochs(batch, count) -> None:
    for step in (0, 1, 3, 5, 2):
        rows, epochs = training.batch_rows(3, step, batch, count)
        assert (rows.tolist(), epochs.tolist()) == literal_rows(step, batch, count)


def test_the_last_step_leaves_no_checkpoint_and_minds_no_signal(tmp_path: Path) -> None:
    path, saved = tmp_path / "checkpoint.pt", []

    class Counting(Checkpoint):
        def save(self, step: int, parts: Any) -> None:
            saved.append(step)
            super().save(step, parts)

    trained(checkpoint=Counting(path, "x"))
    assert saved == [2, 4, 6]
    net = model()
    signals = iter([False] * 3 + [True])
    settings = settings_of(NEUTRAL)
    training.train(net, items(16), settings, Checkpoint(path, "y"), lambda: next(signals, True))


def test_a_checkpoint_is_due_after_its_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", "x", minutes=2, saved=1000.0)
    assert not checkpoint.due()
    now[0] = 1120.0
    assert checkpoint.due()
    checkpoint.save(1, {"history": []})
    assert not checkpoint.due()
