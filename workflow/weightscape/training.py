"""Fine-tuning: one visible loop over a data set that is resident on the device.

A step is a function of (seed, step) and of the state alone: the order of images, the augmentation of each image and
the dropout masks are drawn from named seeds, so that a resumed run repeats the uninterrupted one bit by bit.
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightscape.action import Witness
from weightscape.augmentations.policy import augmented
from weightscape.draws import Draws
from weightscape.errors import UserError
from weightscape.files import replacing
from weightscape.networks import as_input, as_unit
from weightscape.progress import Progress
from weightscape.seeds import seed


@dataclass(frozen=True)
class Items:
    """Training items on the device: uint8 images [n, c, h, w], labels, true labels, and which are synthetic."""

    images: Tensor
    labels: Tensor
    true_labels: Tensor
    synthetic: Tensor

    def __len__(self) -> int:
        return len(self.images)


def learning_rate(step: int, settings: Mapping[str, Any]) -> float:
    """The rate at a step: `constant`, or `one_cycle` (cosine up from 1/25 over the share `rise`, cosine down to 0)."""
    peak, steps = settings["learning_rate"], settings["steps"]
    if settings["schedule"] == "constant":
        return peak
    rise = settings["rise"] * steps
    if step < rise:
        return peak * (0.04 + 0.96 * (1 - math.cos(math.pi * step / rise)) / 2)
    return peak * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2


def optimiser(model: nn.Module, settings: Mapping[str, Any], decay: Mapping[str, Any]) -> torch.optim.Optimizer:
    """AdamW (decoupled decay) or Adam (coupled L2); weights are decayed, biases and normalisation are not."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": weights, "weight_decay": decay["decay"]}, {"params": others, "weight_decay": 0.0}]
    kind = torch.optim.Adam if decay["coupled"] else torch.optim.AdamW
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    return kind(groups, lr=settings["learning_rate"], betas=tuple(settings["betas"]), fused=fused)


def batch_rows(run_seed: int, step: int, batch: int, count: int) -> tuple[Tensor, Tensor]:
    """Rows and epochs of a step's items; each epoch is a permutation of its own, a batch may span two epochs."""
    places = torch.arange(step * batch, (step + 1) * batch)
    epochs = places // count
    rows = torch.empty_like(places)
    for epoch in epochs.unique().tolist():
        source = torch.Generator().manual_seed(seed("order", run_seed, epoch))
        order = torch.randperm(count, generator=source)
        chosen = epochs == epoch
        rows[chosen] = order[places[chosen] % count]
    return rows, epochs


def train(
    model: nn.Module,
    items: Items,
    settings: Mapping[str, Any],
    action: Mapping[str, Any],
    input_settings: Mapping[str, Any],
    run_seed: int,
    checkpoint: "Checkpoint | None" = None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train the network in place; returns the history (one row per block of steps) and what the witness saw."""
    device = items.images.device
    optimizer = optimiser(model, settings, action["weight_decay"])
    witness = Witness(model, input_settings)
    history: list[dict[str, float]] = []
    sums = torch.zeros(3, device=device)
    first = checkpoint.resume(model, optimizer, witness, history) if checkpoint else 0
    progress = Progress("finetune", settings["steps"])
    progress.resume(first)
    model.train()
    for step in range(first, settings["steps"]):
        rows, epochs = (part.to(device) for part in batch_rows(run_seed, step, settings["batch_size"], len(items)))
        stored, labels = items.images[rows], items.labels[rows]
        seen = augmented(as_unit(stored), Draws(run_seed, epochs, rows), action["operations"], action["noise"])
        witness.watch(stored if step % settings["witness_every"] == 0 else None)
        witness.count(
            items=len(rows),
            synthetic=items.synthetic[rows].sum().item(),
            changed_labels=(labels != items.true_labels[rows]).sum().item(),
        )
        torch.manual_seed(seed("dropout", run_seed, step))
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = model(as_input(seen, input_settings))
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        optimizer.step()
        sums += torch.stack([loss.detach(), (logits.detach().argmax(1) == labels).float().mean(), norm])
        if (step + 1) % settings["history_every"] == 0 or step + 1 == settings["steps"]:
            history.append(_block(step, history, sums, rate))
            sums.zero_()
            if checkpoint and (stopped() or (step + 1) % settings["checkpoint_every"] == 0):
                checkpoint.save(step + 1, model, optimizer, witness, history)
            if stopped():
                sys.exit(143)
        progress.advance()
    return history, witness.report()


def _block(step: int, history: list[dict[str, float]], sums: Tensor, rate: float) -> dict[str, float]:
    """Means over the steps since the last block; stops on a loss that is not finite."""
    before = int(history[-1]["step"]) if history else 0
    loss, accuracy, norm = (sums / (step + 1 - before)).tolist()
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} at step {step + 1}: lower finetune.learning_rate or the strength of this dose "
            "(the last checkpoint is kept)"
        )
    return {
        "step": step + 1,
        "loss": loss,
        "accuracy": accuracy,
        "gradient_norm": norm,
        "learning_rate": rate,
    }


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run in one file, refused when it was made by other settings, code or inputs."""

    path: Path
    identity: str

    def save(
        self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, witness: Witness, history: list
    ) -> None:
        """Write the state after `step` steps, atomically."""
        state = {
            "identity": self.identity,
            "step": step,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "witness": witness.counts,
            "history": history,
        }
        with replacing(self.path) as temporary:
            torch.save(state, temporary)

    def resume(self, model: nn.Module, optimizer: torch.optim.Optimizer, witness: Witness, history: list) -> int:
        """Load the state if the file is there and fits; returns the number of steps that are done."""
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, map_location=next(model.parameters()).device, weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError) as error:
            print(f"checkpoint {self.path} cannot be read ({error}): starting anew", file=sys.stderr)
            return 0
        if state.get("identity") != self.identity:
            print(f"checkpoint {self.path} is of other settings, code or inputs: starting anew", file=sys.stderr)
            return 0
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        witness.counts.update(state["witness"])
        history.extend(state["history"])
        print(f"resumed after {state['step']} steps", file=sys.stderr)
        return state["step"]
