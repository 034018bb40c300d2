"""Penalties against literal loops and known expectations, and the proof that each perturbation acts."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import operation
from weightscape.augmentations.policy import augmented
from weightscape.finetune.penalties import decay_penalty, mean_loss, penalties, with_masks
from weightscape.finetune.penalty_settings import Decay, Measure, PenaltySettings, Perturbation
from weightscape.networks import building
from weightscape.networks.settings import InputSettings, NetworkSettings
from weightscape.seeds import seed as named_seed

FORM = InputSettings(4, (0.5,), (0.5,))
SHIFTED = Perturbation(
    (operation({"name": "affine", "degrees": 30, "translate": 0.2, "scale": 0.1, "shear": 5}),), 0.1, {}, None
)
DROPPED = Perturbation((), 0.0, {"head": 0.5}, None)


def settings(batch_size: int = 5, draws: int = 3, seed: int = 1, **perturbations: Perturbation) -> PenaltySettings:
    return PenaltySettings("net", NetworkSettings("none", FORM), Measure(12, batch_size, draws), perturbations, seed)


def images(n: int = 12) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (n, 1, 4, 4), generator=source, dtype=torch.uint8), torch.arange(n) % 2


def network(rate: float = 0.0, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Dropout(rate), nn.Linear(16, 2))


def loaded(rates: dict[str, float] | None) -> nn.Module:
    return network((rates or {}).get("head", 0.0))


@pytest.mark.parametrize("batch_size", [12, 5])
def test_the_penalty_of_augmentation_is_that_of_a_loop_over_single_images(batch_size: int):
    stored, labels = images()
    found = penalties(loaded, stored, labels, settings(batch_size, augment=SHIFTED))
    model, own = network().eval(), named_seed("penalties", 1, "augment")

    def loss(image: Tensor, label: Tensor) -> float:
        return F.cross_entropy(model((image - 0.5) / 0.5), label).item()

    clean, perturbed = [], []
    for row in range(12):
        one, label = stored[row : row + 1] / 255, labels[row : row + 1]
        clean.append(loss(one, label))
        for draw in range(3):
            drawn = Draws(own, torch.tensor([draw]), torch.tensor([row]))
            perturbed.append(loss(augmented(one, drawn, SHIFTED.operations, SHIFTED.noise), label))
    assert (found.clean_loss, found.perturbed_loss["augment"]) == pytest.approx(
        (np.mean(clean), np.mean(perturbed)), rel=1e-5
    )
    assert (found.images, found.draws) == (12, 3) and abs(np.mean(perturbed) - np.mean(clean)) > 1e-3


def test_the_penalty_of_dropout_in_a_linear_model_is_the_mean_over_all_masks():
    weights, rate = torch.tensor([[2.0, -1.0, 0.5, 1.0], [-1.0, 1.0, 1.5, -0.5]]), 0.3
    stored, labels = torch.tensor([[[[200, 30], [90, 255]]]], dtype=torch.uint8), torch.tensor([0])
    form = InputSettings(2, (0.0,), (1.0,))

    def load(rates: dict[str, float] | None) -> nn.Module:
        model = nn.Sequential(nn.Flatten(), nn.Dropout((rates or {}).get("head", 0.0)), nn.Linear(4, 2, bias=False))
        model[2].weight.data.copy_(weights)
        return model

    asked = replace(DROPPED, dropout={"head": rate})
    found = penalties(
        load, stored, labels, replace(settings(1, 4000, dropout=asked), network=NetworkSettings("", form))
    )
    x, losses, shares = stored.flatten() / 255, [], []
    for mask in itertools.product((0, 1), repeat=4):
        kept = torch.tensor(mask, dtype=torch.float32)
        losses.append(F.cross_entropy((weights @ (x * kept / (1 - rate)))[None], labels).item())
        shares.append(rate ** (4 - sum(mask)) * (1 - rate) ** sum(mask))
    expected = np.dot(shares, losses)
    error = np.sqrt(np.dot(shares, (np.array(losses) - expected) ** 2) / 4000)
    assert found.clean_loss == pytest.approx(F.cross_entropy((weights @ x)[None], labels).item(), rel=1e-6)
    assert abs(found.perturbed_loss["dropout"] - expected) < 4 * error < expected - found.clean_loss


def test_equal_settings_repeat_to_the_last_bit_and_another_seed_draws_anew():
    stored, labels = images()
    asked = settings(augment=SHIFTED, dropout=DROPPED)
    first, again, other = (penalties(loaded, stored, labels, each) for each in (asked, asked, replace(asked, seed=2)))
    assert first == again and other.clean_loss == first.clean_loss
    assert all(other.perturbed_loss[name] != loss for name, loss in first.perturbed_loss.items())


def test_networks_of_one_shape_get_the_same_masks_which_differ_between_draws_and_images():
    stored, labels = images()
    seen: list[list[Tensor]] = []
    for weights in (0, 1):
        model, masks = with_masks(network(0.5, weights)), []
        model[2].register_forward_hook(lambda _, inputs, output, masks=masks: masks.append(output / inputs[0]))
        mean_loss(model, stored, labels, settings(12, 2, dropout=DROPPED), "dropout")
        seen.append(masks)
    torch.testing.assert_close(seen[0], seen[1])
    first, second = seen[0]
    assert not torch.equal(first, second) and len(first.unique(dim=0)) == 12


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("tf_efficientnet_lite0", "head"),
        ("tf_efficientnet_lite0", "path"),
        ("test_resnet", "block"),
        ("test_resnet", "head"),
        ("test_vit", "attention"),
        ("test_vit", "mlp"),
    ],
)
def test_every_dropout_acts_and_normalisation_stays_as_in_evaluation(model: str, place: str):
    x = torch.rand(4, 3, 160, 160) if model == "test_vit" else torch.rand(4, 3, 32, 32)
    plain, dropping = (
        building.prepared(building.network(model, 3, rates, 1), torch.device("cpu")) for rates in ({}, {place: 0.5})
    )
    building.load_weights(dropping, building.tensors_of(plain))
    before = building.tensors_of(dropping)
    with torch.inference_mode():
        evaluated = plain.eval()(x)
        torch.testing.assert_close(with_masks(plain)(x), evaluated)
        assert (with_masks(dropping.eval())(x) - evaluated).abs().max() > 1e-3
    for name, tensor in building.tensors_of(dropping).items():
        np.testing.assert_array_equal(tensor, before[name])


@pytest.mark.parametrize(("head", "norms"), [(True, False), (False, False), (True, True)])
def test_the_penalty_of_decay_is_half_of_it_times_the_squares_of_what_decays(head: bool, norms: bool):
    model = building.network("test_resnet", 3)
    squares = {name: weight.detach().double().square().sum().item() for name, weight in model.named_parameters()}
    small = [name for name, weight in model.named_parameters() if weight.ndim == 1]
    of_head = building.head_parameters(model)
    decayed = [n for n in squares if (norms or n not in small) and (head or n not in of_head)]
    assert decay_penalty(model, Decay(0.3, head, norms)) == pytest.approx(0.15 * sum(squares[name] for name in decayed))


def test_decay_draws_nothing_and_both_at_once_add_up():
    stored, labels = images()
    decay = Decay(2.0, True, False)
    both = settings(
        weight_decay=Perturbation((), 0.0, {}, decay), dropout=DROPPED, dropout_decay=replace(DROPPED, decay=decay)
    )
    found = penalties(loaded, stored, labels, both)
    penalty = network()[3].weight.double().square().sum().item()
    assert found.perturbed_loss["weight_decay"] == pytest.approx(found.clean_loss + penalty)
    gained = found.perturbed_loss["dropout_decay"] - penalty
    assert gained != found.clean_loss and gained != pytest.approx(found.clean_loss, abs=1e-4)
