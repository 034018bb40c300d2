"""Fine-tuning: one visible loop over items that wait on the device.

A step is a function of (seed, step) and of the state alone: the order of images, the augmentation of each image and
the dropout masks are drawn from named seeds, so that a resumed run repeats the uninterrupted one bit by bit.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightscape.assemble.loaded import Items
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.policy import augmented
from weightscape.errors import Stopped, UserError
from weightscape.finetune.batches import batches
from weightscape.finetune.checkpoint import Checkpoint
from weightscape.finetune.decay import asked_to_decay, decay_of_step, replayed
from weightscape.finetune.optimiser import arithmetic, learning_rate, optimiser
from weightscape.finetune.witness import Witness
from weightscape.networks.building import as_input, as_unit
from weightscape.progress import Progress
from weightscape.seeds import seed


def train(
    model: nn.Module,
    items: Items,
    settings: Mapping[str, Any],
    action: Mapping[str, Any],
    input_settings: Mapping[str, Any],
    run_seed: int,
    checkpoint: Checkpoint | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Train the network in place; returns the history (one row per block of steps) and what the witness saw."""
    steps = settings["steps"]
    optimizer = optimiser(model, settings, action["weight_decay"])
    witness = Witness(model, input_settings, int(items.sources.max()) + 1, items.real)
    scaler = torch.amp.GradScaler(items.device.type, enabled=settings["precision"] == "float16")
    history: list[dict[str, float]] = []
    sums = torch.zeros(3, device=items.device)
    first = checkpoint.resume(model, optimizer, scaler, witness, history) if checkpoint else 0
    if settings["compile"]:
        torch.use_deterministic_algorithms(True, warn_only=True)  # tells the compiler too
        model.compile()
    decay_looks = {steps * quarter // 4 for quarter in (1, 2, 3)}
    progress = Progress("finetune", steps)
    progress.resume(first)
    model.train()
    for step, rows, epochs, stored in batches(items, run_seed, range(first, steps), settings["batch_size"]):
        labels = items.labels[rows]
        draws = Draws(run_seed, epochs, rows)
        seen = augmented(as_unit(stored), draws, action["operations"], action["noise"])
        looks = step % settings["witness_every"] == 0
        witness.watch(stored if looks else None, items.origins[rows] if looks else None)
        if looks and len(action["operations"]) > 1:
            witness.count_operations(seen, without_each(as_unit(stored), draws, action["operations"]))
        witness.count_items(items.origins[rows], items.sources[rows], labels != items.true_labels[rows])
        torch.manual_seed(seed("dropout", run_seed, step))
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with arithmetic(items.device, settings["precision"]):
            logits = model(as_input(seen, input_settings))
            loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
        if step in decay_looks and math.isfinite(norm):
            step_seen(model, optimizer, witness, action["weight_decay"], rate)
        else:
            scaler.step(optimizer)
        scale = scaler.get_scale()
        scaler.update()
        if scaler.get_scale() < scale:  # float16 overflowed, and the step was left out
            witness.count(skipped_updates=1)
        if step == steps - 1:
            witness.look_at_evaluation(model, stored)
        sums += torch.stack([loss.detach(), (logits.detach().argmax(1) == labels).float().mean(), norm])
        if (step + 1) % settings["history_every"] == 0 or step + 1 == steps:
            history.append(_block(step, history, sums, rate))
            sums.zero_()
            stop = stopped()  # asked once: a signal in between would end the run without its checkpoint
            if checkpoint and (stop or (step + 1) % settings["checkpoint_every"] == 0):
                check_finite(model, step + 1)  # what is kept must be worth resuming
                checkpoint.save(step + 1, model, optimizer, scaler, witness, history)
            if stop:
                raise Stopped
        progress.advance()
    check_finite(model, steps)
    return history, witness.report()


def step_seen(
    model: nn.Module, optimizer: torch.optim.Optimizer, witness: Witness, decay: Mapping[str, Any], rate: float
) -> None:
    """One optimiser step at a learning rate, whose decay the witness measures against replays of the step.

    The replay with decay takes the condition's, and the tensors that the condition names: the optimiser's own groups
    are not asked.
    """
    parameters = list(model.parameters())
    asked = asked_to_decay(model, decay)
    before = [parameter.detach().clone() for parameter in parameters]
    plain = replayed(optimizer, {})
    both = zip(parameters, asked, strict=True)
    wanted = replayed(optimizer, {p: decay["decay"] for p, yes in both if yes}) if decay["coupled"] else {}
    optimizer.step()
    after = [parameter.detach() for parameter in parameters]
    without = [plain[parameter] for parameter in parameters]
    coupled = [wanted[parameter] for parameter in parameters] if wanted else after
    witness.count(decay_looks=1, decay_rate=rate, **decay_of_step(before, after, without, coupled, asked))


def check_finite(model: nn.Module, steps: int) -> None:
    """Weights that are not finite stop the run."""
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise UserError(
            f"the weights are not finite after {steps} steps: lower finetune.learning_rate or the strength of this dose"
        )


def without_each(images: Tensor, draws: Draws, operations: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The same images without each of the operations, by the operation's place and name."""
    return {
        f"{left_out}/{operation['name']}": augmented(
            images, draws, [None if place == left_out else other for place, other in enumerate(operations)]
        )
        for left_out, operation in enumerate(operations)
    }


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
