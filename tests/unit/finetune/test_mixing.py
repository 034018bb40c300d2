"""Pairs of a batch are mixed, images and labels alike, and the proof finds every other case."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from unit.finetune.small_runs import DECOUPLED, STEPS, acting, items, trained
from weightscape.errors import UserError
from weightscape.finetune import mixing, proof, witness
from weightscape.finetune.settings import Mixing
from weightscape.networks import device

MIXUP = Mixing("mixup", {"alpha": 1.0})
IMAGES = torch.from_numpy(np.random.default_rng(1).random((16, 1, 8, 8), np.float32))
LABELS = torch.arange(16) % 3


def test_images_and_loss_are_those_of_the_paper_pair_by_pair() -> None:
    pairs = mixing.mixed(IMAGES, MIXUP, 5, 2)
    assert pairs is not None and sorted(pairs.others.tolist()) == list(range(16))
    logits = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    total = 0.0
    for row, (other, w) in enumerate(zip(pairs.others.tolist(), pairs.weight.tolist(), strict=True)):
        assert torch.allclose(pairs.images[row], (1 - w) * IMAGES[row] + w * IMAGES[other], atol=1e-6)
        target = (1 - w) * F.one_hot(LABELS[row], 3) + w * F.one_hot(LABELS[other], 3)
        total -= float((target * logits[row].log_softmax(0)).sum()) / 16
    assert float(mixing.loss(logits, LABELS, pairs)) == pytest.approx(total, abs=1e-5)


def test_a_step_draws_the_same_again_and_another_step_other_pairs() -> None:
    first, again, later = (mixing.mixed(IMAGES, MIXUP, 5, step) for step in (2, 2, 3))
    assert first and again and later
    assert torch.equal(first.images, again.images) and not torch.equal(first.others, later.others)


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 8.0])
def test_weights_have_the_mean_and_spread_of_their_distribution(alpha: float) -> None:
    mixture = mixing.MIXTURES["mixup"]
    drawn = mixture.draw(np.random.default_rng(0), 40_000, alpha=alpha)
    assert drawn.mean() == pytest.approx(mixture.mean(alpha=alpha), abs=0.01)
    assert drawn.std() == pytest.approx(mixture.spread(alpha=alpha), abs=0.01)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_a_run_that_mixes_passes_its_proof_and_differs_from_the_baseline(alpha: float) -> None:
    act = acting(mixing=Mixing("mixup", {"alpha": alpha}))
    weights, seen, _ = trained(act)
    proof.verdict(seen, act, items().description(), STEPS)
    plain, seen, _ = trained()
    assert any(not np.array_equal(weights[name], plain[name]) for name in plain) and not seen.mixing


def _images_alone(pairs: mixing.Pairs) -> mixing.Pairs:
    return pairs._replace(weight=torch.zeros_like(pairs.weight))


def _labels_alone(pairs: mixing.Pairs) -> mixing.Pairs:
    return pairs._replace(images=pairs.images * 0 + PLAIN[0])


def _wrong_partner(pairs: mixing.Pairs) -> mixing.Pairs:
    return pairs._replace(others=pairs.others.roll(1))


def _noise(pairs: mixing.Pairs) -> mixing.Pairs:
    return pairs._replace(images=torch.rand_like(pairs.images))


PLAIN: list[torch.Tensor] = []


@pytest.mark.parametrize("fault", [_images_alone, _labels_alone, _wrong_partner, _noise])
def test_mixing_that_is_not_as_configured_is_found(
    fault: Callable[[mixing.Pairs], mixing.Pairs], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = mixing.mixed

    def faulty(images: torch.Tensor, *arguments) -> mixing.Pairs | None:
        PLAIN[:] = [images]
        pairs = right(images, *arguments)
        return fault(pairs) if pairs else None

    monkeypatch.setattr(mixing, "mixed", faulty)
    act = acting(mixing=MIXUP)
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match="did not act as configured: mixup"):
        proof.verdict(seen, act, items().description(), STEPS)


def test_another_strength_than_asked_for_is_found_where_the_mean_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    half = mixing.Mixture(lambda rng, count, alpha: np.full(count, 0.2), lambda alpha: 0.5, lambda alpha: 0.2)
    monkeypatch.setitem(mixing.MIXTURES, "mixup", half)
    act = acting(mixing=MIXUP)
    _, seen, _ = trained(act)
    with pytest.raises(UserError, match=r"mean weight of 0\.469, but it was 0\.1"):
        proof.verdict(seen, act, items().description(), STEPS)


class Float32(TorchFunctionMode):
    """Stands for a device without float64, which only tensors that were taken to the host can become."""

    def __init__(self) -> None:
        super().__init__()
        self.host: list[torch.Tensor] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        asked = func is torch.Tensor.double or (func is torch.Tensor.to and torch.float64 in args)
        if asked and args[0].is_floating_point() and not any(args[0] is tensor for tensor in self.host):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        result = func(*args, **(kwargs or {}))
        if func is torch.Tensor.cpu:
            self.host.append(result)
        return result


def test_a_device_without_float64_mixes_and_proves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "widest", lambda _: torch.float32)
    monkeypatch.setattr(witness, "widest", lambda _: torch.float32)
    act = acting(mixing=MIXUP, weight_decay=DECOUPLED)
    with Float32():
        _, seen, _ = trained(act)
    proof.verdict(seen, act, items().description(), STEPS)


def test_images_that_are_mixed_though_none_should_be_are_found() -> None:
    _, seen, _ = trained(acting(mixing=MIXUP))
    with pytest.raises(UserError, match="changed though none should be"):
        proof.verdict(seen, acting(), items().description(), STEPS)
