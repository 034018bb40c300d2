"""Proof that an intervention acts, measured on the tensors that are trained on.

A `Witness` hooks the network: what enters it is compared with the stored images, what a dropout lets through with
what entered it, in training and in evaluation mode. The augmenter and the config do not report on themselves.
`verdict` then compares what was seen with what the condition asked for.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightscape.errors import UserError
from weightscape.interventions import changed_share
from weightscape.networks import as_input, as_unit, head_name

CHANGED = 1e-4
"""Least mean absolute change of an input (in normalised units) that counts as a changed image."""

DROPOUTS = ("head", "path", "attention", "mlp", "block")
DECAYS = ("decay_seen", "decay_least", "decay_most", "decay_elsewhere", "decay_error", "decay_rate")
ROUNDING = 1e-7
"""Of float32, on a tensor's relative change."""
COPIED = 0.01
"""Largest share of synthetic images that may equal a real one, as a generator may memorise."""
SHARES = ("synthetic_share", "extra_share", "changed_labels")
"""Shares of the drawn items, which must be those of the item list."""
REPLAYED = 0.1
"""Largest share of what decay does to a tensor by which a replay with the decay that was asked for may miss it."""


class Witness:
    """Counts, during training steps, what reaches the network; `watch` before each step names the stored images."""

    def __init__(self, model: nn.Module, input_settings: Mapping[str, Any], sources: int) -> None:
        """`sources` is the number of different images that the item list refers to."""
        self.input_settings = input_settings
        self.stored: Tensor | None = None
        first = next(model.parameters())
        self.device = first.device
        self.counts: dict[str, Tensor] = {}
        self.drawn = torch.zeros(sources, dtype=torch.bool, device=self.device)
        self.evaluating = False
        self._pooled: Tensor | None = None
        self.pictures: dict[str, set[int]] = {"real": set(), "others": set()}
        modules = dict(model.named_modules())
        model.register_forward_pre_hook(self._see_input)
        for name, module in modules.items():
            if isinstance(module, nn.Dropout) and module.p > 0:
                module.register_forward_hook(self._see_dropout(_place(name)))
            elif type(module).__name__ == "DropPath":
                module.register_forward_hook(self._see_path)
        children = dict(model.named_children())
        if "global_pool" in children:  # some networks drop by a function between the last layer and the head
            after = list(children)[list(children).index("global_pool") :]
            for name in after:
                if name != head_name(model):
                    children[name].register_forward_hook(self._see_pooled)
            modules[head_name(model)].register_forward_pre_hook(self._see_head)

    def watch(self, stored: Tensor | None, origins: Tensor | None = None) -> None:
        """Compare the next forward pass with these stored uint8 images; None looks away."""
        self.stored = stored
        if stored is not None and origins is not None:
            for image, origin in zip(stored.cpu().numpy(), origins.tolist(), strict=True):
                number = int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=7).digest())
                self.pictures["others" if origin else "real"].add(number)

    def count(self, **amounts: Tensor | float) -> None:
        """Add to the counts, without waiting for the device."""
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        for name, amount in amounts.items():
            added = torch.as_tensor(amount, dtype=kind, device=self.device)
            self.counts[name] = self.counts[name] + added if name in self.counts else added

    def count_items(self, origins: Tensor, sources: Tensor, changed_labels: Tensor) -> None:
        """Add one step's items: their origins (0 real, 1 further real, 2 synthetic) and which images they are."""
        self.drawn[sources] = True
        self.count(
            updates=1,
            items=len(origins),
            extra=(origins == 1).sum(),
            synthetic=(origins == 2).sum(),
            changed_labels=changed_labels.sum(),
        )

    def look_at_evaluation(self, model: nn.Module, stored: Tensor) -> None:
        """One pass in evaluation mode, in which nothing may be dropped."""
        training = model.training
        model.eval()
        self.evaluating = True
        self.watch(stored)
        with torch.inference_mode():
            model(as_input(as_unit(stored), self.input_settings))
        self.watch(None)
        self.evaluating = False
        self.count(evaluations=1)
        model.train(training)

    def _see_input(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self.stored is None or self.evaluating:
            return
        with torch.no_grad():
            plain = as_input(as_unit(self.stored), self.input_settings)
            each = (inputs[0] - plain).abs().mean(dim=(2, 3))
            spread = torch.tensor(self.input_settings["std"], device=each.device)
            change = each.mean(1)
        self.count(
            images=len(change),
            changed_images=(change > CHANGED).sum(),
            change=change.sum(),
            pixel_change=(each * spread).mean(1).sum(),
        )

    def _count_dropped(self, place: str, alive: Tensor, passed: Tensor) -> None:
        mode = f"{place}_evaluation" if self.evaluating else place
        self.count(**{f"{mode}_alive": alive.sum(), f"{mode}_dropped": (alive & ~passed).sum()})

    def _see_dropout(self, place: str) -> Any:
        def see(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if self.stored is not None:
                self._count_dropped(place, inputs[0].detach() != 0, output.detach() != 0)

        return see

    def _see_path(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if self.stored is not None:
            self._count_dropped("path", inputs[0].detach().flatten(1).any(1), output.detach().flatten(1).any(1))

    def _see_pooled(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._pooled = output.detach() if self.stored is not None else None

    def _see_head(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._pooled is not None and self._pooled.flatten(1).shape == inputs[0].flatten(1).shape:
            self._count_dropped("head", self._pooled.flatten(1) != 0, inputs[0].detach().flatten(1) != 0)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        pictures = {name: sorted(numbers) for name, numbers in self.pictures.items()}
        return {"counts": self.counts, "drawn": self.drawn, "pictures": pictures}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.counts = dict(state["counts"])
        self.drawn = state["drawn"]
        self.pictures = {name: set(numbers) for name, numbers in state["pictures"].items()}

    def report(self) -> dict[str, float]:
        """Shares over all watched steps, the number of updates, and how much one step of decay moved the weights."""
        seen = {name: value.item() for name, value in self.counts.items()}

        def share(part: str, whole: str) -> float:
            return seen.get(part, 0.0) / seen[whole] if seen.get(whole) else 0.0

        rates = {}
        for place in DROPOUTS:
            rates[f"{place}_drop_rate"] = share(f"{place}_dropped", f"{place}_alive")
            evaluation = f"{place}_evaluation"
            rates[f"{place}_drop_rate_evaluation"] = share(f"{evaluation}_dropped", f"{evaluation}_alive")
        return {
            "updates": seen.get("updates", 0.0),
            "items_drawn": seen.get("items", 0.0),
            "evaluations": seen.get("evaluations", 0.0),
            "unique_images": int(self.drawn.sum()),
            "images_watched": seen.get("images", 0.0),
            "changed_images": share("changed_images", "images"),
            "mean_input_change": share("change", "images"),
            "mean_pixel_change": share("pixel_change", "images"),
            "changed_labels": share("changed_labels", "items"),
            "synthetic_share": share("synthetic", "items"),
            "extra_share": share("extra", "items"),
            "copied_images": self._copied(),
            **rates,
            **{name: seen.get(name, 0.0) for name in DECAYS},
        }

    def _copied(self) -> float:
        """The share of the synthetic and further images, as they were trained on, that are real training images."""
        others = self.pictures["others"]
        return len(others & self.pictures["real"]) / len(others) if others else 0.0


def _place(name: str) -> str:
    """The place of a dropout module, from timm's names."""
    last = name.rpartition(".")[2]
    if last == "block_dropout":
        return "block"
    if last == "attn_drop":
        return "attention"
    return "mlp" if last == "proj_drop" or ".mlp." in f".{name}." else "head"


def asked_to_decay(model: nn.Module, decay: Mapping[str, Any]) -> list[bool]:
    """Of each parameter, whether the condition wants it to shrink; the optimiser's own groups are not asked."""
    prefix = f"{head_name(model)}." if hasattr(model, "default_cfg") else None
    wanted = []
    for name, parameter in model.named_parameters():
        in_head = prefix is not None and name.startswith(prefix)
        small = parameter.ndim == 1  # biases and normalisation
        wanted.append(decay["decay"] > 0 and (not small or decay["norms"]) and (not in_head or decay["head"]))
    return wanted


def decay_of_step(
    before: list[Tensor], after: list[Tensor], replayed: list[Tensor], wanted: list[Tensor], asked: list[bool]
) -> dict[str, float]:
    """How far the decay of one step moved each tensor, as a share of its norm.

    `replayed` is the step without decay, `wanted` with the coupled decay that was asked for. `decay_seen` is over all
    tensors that should shrink, `decay_least` and `decay_most` the extremes among them, `decay_elsewhere` the largest of
    the others; `decay_error` the largest distance from `wanted`, as a share of what decay does to the tensor there.
    """
    errors = [_norm(one - other) for one, other in zip(after, wanted, strict=True)]
    effects = [_norm(one - other) for one, other in zip(wanted, replayed, strict=True)]
    moved = [_norm(one - other) for one, other in zip(after, replayed, strict=True)]
    sizes = [_norm(one) for one in before]
    shares = [part / size if size else float(part > 0) for part, size in zip(moved, sizes, strict=True)]
    own = [share for share, size, wanted in zip(shares, sizes, asked, strict=True) if wanted and size]
    others = [share for share, wanted in zip(shares, asked, strict=True) if not wanted]
    whole = [(part**2, size**2) for part, size, wanted in zip(moved, sizes, asked, strict=True) if wanted]
    total = sum(size for _, size in whole)
    return {
        "decay_seen": (sum(part for part, _ in whole) / total) ** 0.5 if total else 0.0,
        "decay_least": min(own, default=0.0),
        "decay_most": max(own, default=0.0),
        "decay_elsewhere": max(others, default=0.0),
        "decay_error": max(
            (
                e / max(effect, 10 * ROUNDING * size)
                for e, effect, size in zip(errors, effects, sizes, strict=True)
                if e
            ),
            default=0.0,
        ),
    }


def _norm(tensor: Tensor) -> float:
    return tensor.double().square().sum().item() ** 0.5


def verdict(report: Mapping[str, float], action: Mapping[str, Any], items: Mapping[str, float], steps: int) -> None:
    """Stop with one sentence if what was seen is not what the condition asked for.

    `items` describes the run's item list: SHARES, the number `items` and the number `unique_images`; `steps` is the
    number of optimiser steps that were asked for.
    """
    if report["updates"] != steps:
        raise _idle(f"{report['updates']:.0f} optimiser steps were made, {steps} were asked for")
    if report["evaluations"] < 1:
        raise _idle("evaluation mode was never looked at")
    _check_list(items, action["items"])
    _check_changed(report, action)
    for place in DROPOUTS:
        wanted, seen = action["dropout"].get(place, 0.0), report[f"{place}_drop_rate"]
        # Stochastic depth grows linearly with depth, so that its mean over blocks is about half of the last rate.
        aside = 0.2 * min(wanted, 1 - wanted) + 0.02  # 0.98 is not 0.9
        low, high = (0.25 * wanted, 0.75 * wanted) if place == "path" else (wanted - aside, wanted + aside)
        if not low <= seen <= high or (seen > 0) != (wanted > 0):
            raise _idle(f"dropout ({place}) of {wanted} was asked for, but {seen:.3f} was seen")
        if report[f"{place}_drop_rate_evaluation"] > 0:
            raise _idle(f"dropout ({place}) also acts in evaluation mode")
    for share in SHARES:
        if abs(report[share] - items[share]) > 0.1 * items[share] + 0.02 * (items[share] > 0):
            raise _idle(f"{share} is {items[share]:.3f} in the item list, but {report[share]:.3f} was drawn")
    if report["copied_images"] > COPIED:
        raise _idle(f"{report['copied_images']:.0%} of the images from elsewhere are real training images")
    if action["noise"] > 0 and not action["operations"]:
        _check_noise(report["mean_pixel_change"], action["noise"])
    _check_unique(report, items)
    _check_decay(report, action["weight_decay"])


def _check_list(items: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    """The item list must be that of the dose; the list alone would prove itself."""
    found = {**items, "copies": 1 - items["unique_images"] / items["items"]}
    for name, share in wanted.items():
        if abs(found[name] - share) > 1.5 / items["items"] + ROUNDING:
            raise _idle(f"{name} is {found[name]:.3f} in the item list, but the dose asks for {share:.3f}")


def _check_changed(report: Mapping[str, float], action: Mapping[str, Any]) -> None:
    """At least half of the images that the policy should change were changed, or what chance leaves of these."""
    share, seen = changed_share(action["operations"], action["noise"]), report["changed_images"]
    if share == 0:
        if seen > 0:
            raise _idle(f"{seen:.0%} of the images were changed though none should be")
        return
    by_chance = 4 * (share * (1 - share) / max(1.0, report["images_watched"])) ** 0.5
    if seen == 0 or seen < 0.5 * share - by_chance:
        raise _idle(f"only {seen:.0%} of the images that the network saw were changed, the policy changes {share:.0%}")


def _check_unique(report: Mapping[str, float], items: Mapping[str, float]) -> None:
    """After a whole epoch every image of the list was drawn; never more."""
    seen, listed = report["unique_images"], items["unique_images"]
    if seen > listed or (seen < listed and report["items_drawn"] >= items["items"]):
        raise _idle(f"{listed:.0f} different images are in the item list, but {seen:.0f} were drawn")


def _check_decay(report: Mapping[str, float], decay: Mapping[str, Any]) -> None:
    """Decoupled decay shrinks each tensor by rate x decay (AdamW, eq. 12 of arXiv 1711.05101); coupled, as replayed.

    The rate is the schedule's, the decay the condition's, so that the optimiser does not report on itself.
    """
    if report["decay_elsewhere"] > 0 or (decay["decay"] == 0 and report["decay_seen"] > 0):
        raise _idle("weights decayed for which no decay was asked")
    if decay["decay"] == 0:
        return
    expected = report["decay_rate"] * decay["decay"]
    spread = 0.05 * expected + ROUNDING
    extremes = (report["decay_least"], report["decay_most"])
    if decay["coupled"] and report["decay_error"] > REPLAYED:
        raise _idle(
            f"a coupled weight decay of {decay['decay']} was asked for, but a step with it differs from the one made "
            f"by {report['decay_error']:.2g} of what decay does to a tensor"
        )
    off = not decay["coupled"] and any(abs(each - expected) > spread for each in extremes)
    if off or report["decay_seen"] == 0:
        raise _idle(
            f"a weight decay of {decay['decay']} was asked for, but one step moved the weights by "
            f"{extremes[0]:.2e} to {extremes[1]:.2e} of their norm"
            + ("" if decay["coupled"] else f" instead of {expected:.2e}")
        )


def _check_noise(change: float, sigma: float) -> None:
    """Gaussian noise changes a pixel by .8 sigma on average, by half of that where black or white clips it."""
    if not 0.3 * 0.8 * sigma <= change <= 1.2 * 0.8 * sigma:
        raise _idle(f"noise of {sigma} was asked for, but pixels changed by {change:.4f} on average")


def _idle(what: str) -> UserError:
    return UserError(f"the intervention did not act as configured: {what}; this run is not recorded")
