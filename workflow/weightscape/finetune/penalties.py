"""Penalties of regularisers at trained weights: the loss under a regulariser's perturbation less the clean loss.

Training under a perturbation (augmented images, dropout masks) minimises the clean loss plus this penalty, so that a
network trained to have a small one has learnt what the regulariser asks for (Bishop 1995; Wager, Wang & Liang 2013).
Penalties are measured on one fixed batch of held-out images, with all in evaluation mode but what perturbs. Draws of
images and masks are the same for every network of one shape, so that they cancel in differences between runs. Weight
decay draws nothing: its penalty is decay / 2 |w|^2 over the weights that decay, which decoupled decay has as well.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from weightscape.augmentations.draws import Draws
from weightscape.augmentations.policy import augmented
from weightscape.finetune.held_out import fixed_batch, trained
from weightscape.finetune.optimiser import asked_to_decay
from weightscape.finetune.penalty_settings import Decay, PenaltySettings
from weightscape.finetune.settings import WeightDecay
from weightscape.networks.building import as_input, as_unit
from weightscape.seeds import seed as named_seed

Load = Callable[[Mapping[str, float] | None], nn.Module]
"""Gives a run's network, with dropout at the rates of some places or (for None) without."""


@dataclass(frozen=True)
class Penalties:
    """Mean cross-entropies (nats) of `images` images: clean, and by family under its perturbation, over all draws."""

    clean_loss: float
    perturbed_loss: dict[str, float]
    images: int
    draws: int


def penalties(load: Load, images: Tensor, labels: Tensor, settings: PenaltySettings) -> Penalties:
    """The losses of a network on uint8 images [n, c, h, w] with their labels [n]."""
    plain = load(None).eval()
    clean = mean_loss(plain, images, labels, settings)
    perturbed = {}
    for family, asked in settings.perturbations.items():
        model = with_masks(load(asked.dropout)) if asked.dropout else plain
        draws = asked.dropout or asked.operations or asked.noise > 0
        loss = mean_loss(model, images, labels, settings, family) if draws else clean
        perturbed[family] = loss + (decay_penalty(plain, asked.decay) if asked.decay else 0.0)
    return Penalties(clean, perturbed, len(labels), settings.penalties.draws)


def with_masks(model: nn.Module) -> nn.Module:
    """The network with its dropouts at work, and its normalisation as in evaluation."""
    model.train()
    for module in model.modules():
        if isinstance(module, _NormBase):
            module.eval()
    return model


@torch.inference_mode()
def mean_loss(
    model: nn.Module, images: Tensor, labels: Tensor, settings: PenaltySettings, family: str | None = None
) -> float:
    """The mean cross-entropy of a network in the mode that it is in, over all draws of a family's perturbation."""
    rows, total = torch.arange(len(labels)), 0.0
    draws = settings.penalties.draws if family else 1
    for draw, part in itertools.product(range(draws), rows.split(settings.penalties.batch_size)):
        at = part.to(images.device)
        seen = as_unit(images[at])
        if family:
            asked, seed = settings.perturbations[family], named_seed("penalties", settings.seed, family)
            drawn = Draws(seed, torch.full_like(part, draw), part, seen.device)
            seen = augmented(seen, drawn, asked.operations, asked.noise)
            torch.manual_seed(named_seed("masks", seed, draw, int(part[0])))
        logits = model(as_input(seen, settings.network.input))
        total += float(F.cross_entropy(logits, labels[at], reduction="none").cpu().double().sum())
    return total / len(labels) / draws


def decay_penalty(model: nn.Module, decay: Decay) -> float:
    """Half the decay times the squared norm of the weights that decay."""
    asked = WeightDecay(decay.rate, coupled=True, head=decay.head, norms=decay.norms)
    decayed = zip(model.parameters(), asked_to_decay(model, asked), strict=True)
    return decay.rate / 2 * sum(float(weight.detach().cpu().double().square().sum()) for weight, yes in decayed if yes)


def measured(run: Path, shards: list[Path], settings: PenaltySettings, device: torch.device) -> Penalties:
    """The penalties at one run's weights."""
    images, labels = fixed_batch(shards, settings.penalties.images, settings.seed)

    def load(dropout: Mapping[str, float] | None) -> nn.Module:
        return trained(run, settings.network, device, dropout)

    found, right = torch.from_numpy(images), torch.from_numpy(labels).long()
    return penalties(load, found.to(device), right.to(device), settings)
