"""Fine-tuning: one visible loop over items that wait on the device.

A step is a function of (seed, step) and of the state alone: the order of images, the augmentation of each image and
the dropout masks are drawn from named seeds, so that a resumed run repeats the uninterrupted one bit by bit.
"""

import math
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from weightscape.augmentations.policy import augmented
from weightscape.draws import Draws
from weightscape.errors import UserError
from weightscape.feed import Items, batches
from weightscape.files import replacing
from weightscape.networks import as_input, as_unit, head_name
from weightscape.progress import Progress
from weightscape.seeds import seed
from weightscape.witness import Witness, asked_to_decay, decay_of_step


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
    """AdamW (decoupled decay), Adam or SGD (coupled L2).

    The first group is decayed: matrices and filters, with `head` also the head's, with `norms` biases and
    normalisation too. SGD's momentum is the first of `betas`.
    """
    prefix = head_name(model) + "." if hasattr(model, "default_cfg") else "\0"
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        chosen = (parameter.ndim > 1 or decay["norms"]) and (decay["head"] or not name.startswith(prefix))
        (decayed if chosen else others).append(parameter)
    groups = [{"params": decayed, "weight_decay": decay["decay"]}, {"params": others, "weight_decay": 0.0}]
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    if settings["optimizer"] == "sgd":
        return torch.optim.SGD(groups, lr=settings["learning_rate"], momentum=settings["betas"][0], fused=fused)
    kind = torch.optim.Adam if decay["coupled"] else torch.optim.AdamW
    return kind(groups, lr=settings["learning_rate"], betas=tuple(settings["betas"]), fused=fused)


def replayed(optimizer: torch.optim.Optimizer, coupled: Mapping[Tensor, float]) -> dict[Tensor, Tensor]:
    """Every weight after the coming step with no decay but the coupled one that is given: the same step on copies."""
    copies: dict[Tensor, Tensor] = {}
    kind: Any = type(optimizer)
    for group in optimizer.param_groups:
        own = {parameter: parameter.detach().clone() for parameter in group["params"]}
        for parameter, copy in own.items():
            decay = coupled.get(parameter, 0.0)
            copy.grad = parameter.grad if not decay or parameter.grad is None else parameter.grad + decay * copy
        replay = kind([{**group, "params": list(own.values()), "weight_decay": 0.0}])
        for parameter, copy in own.items():
            state = optimizer.state.get(parameter, {})
            replay.state[copy] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
        replay.step()
        copies |= own
    return copies


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


def precision_on(device: torch.device, choice: str) -> str:
    """The precision to train in; `auto` is the narrow one that the device's own units compute, or else float32.

    Of NVIDIA's GPUs, bfloat16 from compute capability 8.0 (Ampere) on and float16 from 7.0 (Volta) on. No CPU:
    there, autocast gains on few models and costs on most.
    """
    if choice != "auto":
        return choice
    if device.type != "cuda":
        return "float32"
    major, _ = torch.cuda.get_device_capability(device)
    return "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"


def arithmetic(device: torch.device, precision: str) -> torch.autocast:
    """Autocast to `bfloat16` or `float16`; `float32` leaves all as it is."""
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    return torch.autocast(device.type, dtype=None if precision == "float32" else kind, enabled=precision != "float32")


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
                sys.exit(143)
        progress.advance()
    check_finite(model, steps)
    return history, witness.report()


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


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run in one file, refused when it was made by other settings, code or inputs."""

    path: Path
    identity: str

    def save(
        self,
        step: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        witness: Witness,
        history: list,
    ) -> None:
        """Write the state after `step` steps, atomically."""
        state = {
            "identity": self.identity,
            "step": step,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
            "witness": witness.state(),
            "history": history,
        }
        with replacing(self.path) as temporary:
            try:
                torch.save(state, temporary)
            except RuntimeError:  # so torch says that a write came short
                raise OSError("the disk took only a part of it") from None

    def resume(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        witness: Witness,
        history: list,
    ) -> int:
        """Load the state if the file is there and fits; returns the number of steps that are done."""
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, map_location=next(model.parameters()).device, weights_only=True)
            fits = state["identity"] == self.identity
        except (RuntimeError, OSError, EOFError, ValueError, KeyError, TypeError, pickle.UnpicklingError) as error:
            print(f"checkpoint {self.path} cannot be read ({error}): starting anew", file=sys.stderr)
            return 0
        if not fits:
            print(f"checkpoint {self.path} is of other settings, code or inputs: starting anew", file=sys.stderr)
            return 0
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        witness.load(state["witness"])
        history.extend(state["history"])
        print(f"resumed after {state['step']} steps", file=sys.stderr)
        return state["step"]
