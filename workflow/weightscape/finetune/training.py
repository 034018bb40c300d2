"""Fine-tuning: one visible loop over items that wait on the device.

A step is a function of (seed, step) and of the state alone: the order of images, the augmentation of each image and
the dropout masks are drawn from named seeds, so that a resumed run repeats the uninterrupted one bit by bit. A set that
fits is held on the device as uint8; a larger one stays in its memory-mapped shards, and a thread gathers the next batch
into pinned memory while the device works on the present one.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from weightscape.assemble.loaded import Items
from weightscape.augmentations.draws import Draws
from weightscape.augmentations.operations import Operation
from weightscape.augmentations.policy import augmented
from weightscape.errors import Stopped, UserError
from weightscape.finetune import mixing
from weightscape.finetune.optimiser import arithmetic, learning_rate, optimiser, precision_on, step_seen
from weightscape.finetune.seen import Seen
from weightscape.finetune.settings import FinetuneSettings, WeightDecay
from weightscape.finetune.witness import Witness
from weightscape.networks import building
from weightscape.networks.building import as_input, as_unit
from weightscape.networks.checkpoint import Checkpoint
from weightscape.progress import Progress
from weightscape.seeds import seed

WARNS = 1  # the debug mode in which torch only warns of operations that do not repeat
History = list[dict[str, float]]  # one row per block of steps


@dataclass(frozen=True)
class State:
    """All of a run that a step changes."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    witness: Witness
    history: History


def network(
    settings: FinetuneSettings, classes: int, weights: Mapping[str, np.ndarray], device: torch.device
) -> tuple[nn.Module, dict[str, np.ndarray]]:
    """The network before training on its device, and those of its tensors that the backbone's file does not hold."""
    model = building.network(settings.network.model, classes, settings.action.dropout, settings.seed)
    building.initialise_head(model, settings.seed)
    head = building.head_parameters(model)
    building.load_weights(model, {name: tensor for name, tensor in weights.items() if name not in head})
    tensors = building.tensors_of(model)
    initial = {name: tensors[name].copy() for name in (head if weights else tensors)}
    building.unfuse_attention(model)
    return building.prepared(model, device, settings.batch_norm_momentum), initial


def train(
    model: nn.Module,
    items: Items,
    settings: FinetuneSettings,
    checkpoint: Checkpoint | None = None,
    stopped: Callable[[], bool] = lambda: False,
    send: Callable[[Mapping[str, float]], None] = lambda _: None,
) -> tuple[History, Seen]:
    """Train the network in place, sending each row of the history; returns it and what the witness saw."""
    loop, action, form = settings.training, settings.action, settings.network.input
    precision = precision_on(items.device, settings.precision)
    witness = Witness(model, form, int(items.sources.max()) + 1, items.real)
    scaler = torch.amp.GradScaler(items.device.type, enabled=precision == "float16")
    state = State(model, optimiser(model, loop, action.weight_decay), scaler, witness, history := [])
    sums = torch.zeros(3, device=items.device)
    first = checkpoint.resume(vars(state), items.device) if checkpoint else 0
    _compile(model, settings)
    decay_looks = {loop.steps * quarter // 4 for quarter in (1, 2, 3)}
    (progress := Progress("finetune", loop.steps)).resume(first)
    model.train()
    for step, rows, epochs, stored in batches(items, settings.seed, range(first, loop.steps), loop.batch_size):
        draws = Draws(settings.seed, epochs, rows, items.device)
        rows = rows.to(items.device, non_blocking=True)
        labels = items.labels[rows]
        seen = augmented(as_unit(stored), draws, action.operations, action.noise)
        looks = step % loop.witness_every == 0
        _watch(witness, items, rows, stored if looks else None)
        if looks and len(action.operations) > 1:
            witness.count_operations(seen, without_each(as_unit(stored), draws, action.operations))
        pairs = mixing.mixed(seen, action.mixing, settings.seed, step)
        entered = as_input(pairs.images if pairs else seen, form)
        witness.count_mixing(entered, labels, pairs)
        torch.manual_seed(seed("dropout", settings.seed, step))
        with arithmetic(items.device, precision):
            logits = model(entered)
            loss = mixing.loss(logits, labels, pairs)
        rate = learning_rate(step, loop)
        norm = _update(state, loss, rate, action.weight_decay if step in decay_looks else None)
        if step == loop.steps - 1:
            witness.look_at_evaluation(model, stored)
        sums += torch.stack([loss.detach(), (logits.detach().argmax(1) == labels).float().mean(), norm])
        if (step + 1) % loop.history_every == 0 or step + 1 == loop.steps:
            history.append(_block(step, history, sums, rate))
            send(history[-1])
            sums.zero_()
            if step + 1 < loop.steps:  # a signal at the last step stops nothing
                _save_if_due(checkpoint, step + 1, state, stopped())
        progress.advance()
    check_finite(model, loop.steps)
    return history, witness.report()


def _compile(model: nn.Module, settings: FinetuneSettings) -> None:
    """Compiles the network if that is asked for, with the compiler told that results are to repeat."""
    if not settings.compile:
        return
    warn = torch.get_deterministic_debug_mode() == WARNS
    torch.use_deterministic_algorithms(True, warn_only=warn)
    model.compile()


def _save_if_due(checkpoint: Checkpoint | None, steps: int, state: State, stop: bool) -> None:
    """Keep the state after `steps` steps if it is time, or if the run was asked to stop, which then ends it."""
    if checkpoint and (stop or checkpoint.due()):
        check_finite(state.model, steps)  # what is kept must be worth resuming
        checkpoint.save(steps, vars(state))
    if stop:
        raise Stopped


def _watch(witness: Witness, items: Items, rows: Tensor, stored: Tensor | None) -> None:
    """Counts a step's items; the witness compares what enters the network with the stored images, or looks away."""
    witness.watch(stored, None if stored is None else items.origins[rows])
    changed = items.labels[rows] != items.true_labels[rows]
    witness.count_items(items.origins[rows], items.sources[rows], changed)


def _update(state: State, loss: Tensor, rate: float, decay: WeightDecay | None) -> Tensor:
    """Makes one step down the loss, whose `decay` the witness measures if it is given; the norm of the gradient."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    state.optimizer.zero_grad(set_to_none=True)
    state.scaler.scale(loss).backward()
    state.scaler.unscale_(state.optimizer)
    norm = nn.utils.get_total_norm([p.grad for p in state.model.parameters() if p.grad is not None])
    if decay and math.isfinite(norm):
        state.witness.count_decay(step_seen(state.model, state.optimizer, decay, rate))
    else:
        state.scaler.step(state.optimizer)
    if state.scaler.is_enabled():  # where float16 overflowed, the step was left out, and the scale falls
        one = torch.ones_like(norm)
        scale = state.scaler.scale(one)
        state.scaler.update()
        state.witness.count(skipped_updates=state.scaler.scale(one) < scale)
    return norm


@functools.lru_cache(maxsize=2)
def _order(run_seed: int, epoch: int, count: int) -> Tensor:
    """The permutation of the items in an epoch."""
    source = torch.Generator().manual_seed(seed("order", run_seed, epoch))
    return torch.randperm(count, generator=source)


def batch_rows(run_seed: int, step: int, batch: int, count: int) -> tuple[Tensor, Tensor]:
    """Rows and epochs of a step's items; each epoch is a permutation of its own, a batch may span several epochs."""
    rows, epochs, first, end = [], [], step * batch, (step + 1) * batch
    while first < end:
        epoch, place = divmod(first, count)
        rows.append(_order(run_seed, epoch, count)[place : place + end - first])
        epochs.append(torch.full_like(rows[-1], epoch))
        first += len(rows[-1])
    return torch.cat(rows), torch.cat(epochs)


def batches(items: Items, run_seed: int, steps: range, batch: int) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """(step, rows, epochs, stored uint8 images) of each step: the rows and epochs on the host, the images on the items'
    device.
    """
    if isinstance(items.images, Tensor):
        for step in steps:
            rows, epochs = batch_rows(run_seed, step, batch, len(items))
            yield step, rows, epochs, items.images[rows.to(items.device, non_blocking=True)]
        return
    pinned = items.device.type == "cuda"
    with ThreadPoolExecutor(1) as ahead:
        waiting = None
        for step in steps:
            rows, epochs = batch_rows(run_seed, step, batch, len(items))
            coming = (step, rows, epochs, ahead.submit(items.images.gather, rows.numpy(), pinned))
            if waiting:
                yield *waiting[:3], waiting[3].result().to(items.device, non_blocking=True)
            waiting = coming
        if waiting:
            yield *waiting[:3], waiting[3].result().to(items.device, non_blocking=True)


def check_finite(model: nn.Module, steps: int) -> None:
    """Weights that are not finite stop the run."""
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise UserError(
            f"the weights are not finite after {steps} steps: lower finetune.learning_rate or the strength of this dose"
        )


def without_each(images: Tensor, draws: Draws, operations: Sequence[Operation]) -> dict[str, Tensor]:
    """The same images without each of the operations, by the operation's place and name."""
    return {
        f"{left_out}/{operation.name}": augmented(
            images, draws, [None if place == left_out else other for place, other in enumerate(operations)]
        )
        for left_out, operation in enumerate(operations)
    }


def _block(step: int, history: History, sums: Tensor, rate: float) -> dict[str, float]:
    """Means over the steps since the last block; stops on a loss that is not finite."""
    before = int(history[-1]["step"]) if history else 0
    loss, accuracy, norm = (sums / (step + 1 - before)).tolist()
    if not math.isfinite(loss):
        raise UserError(
            f"the loss is {loss} at step {step + 1}: lower finetune.learning_rate or the strength of this dose "
            "(the last checkpoint is kept)"
        )
    return {"step": step + 1, "loss": loss, "accuracy": accuracy, "gradient_norm": norm, "learning_rate": rate}
