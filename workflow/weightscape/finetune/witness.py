"""Measures what reaches a network in training, on the tensors that are trained on.

A `Witness` hooks the network: what enters it is compared with the stored images, what each dropout lets through with
what entered it, in training and in evaluation mode. The augmenter and the config do not report on themselves.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from weightscape.finetune import mixing
from weightscape.finetune.seen import DecaySeen, ModuleSeen, PlaceSeen, Seen
from weightscape.formats.shards import picture
from weightscape.networks.building import as_input, as_unit, head_name, normalisation
from weightscape.networks.device import widest
from weightscape.networks.settings import DROPOUTS, InputSettings

CHANGED = 1e-4  # least mean absolute change of an input (in normalised units) that counts as a changed image


DECAYS = tuple(field.name for field in fields(DecaySeen))


class Witness:
    """Counts, during training steps, what reaches the network; `watch` before each step names the stored images."""

    def __init__(self, model: nn.Module, form: InputSettings, sources: int, real: frozenset[int] = frozenset()) -> None:
        """`sources` is the number of different images that the item list refers to; `real` are the digests of the real
        training images, where some of the list are none.
        """
        self.form = form
        self.stored: Tensor | None = None
        self.plain: Tensor | None = None
        """The stored images as they would enter the network without augmentation."""
        first = next(model.parameters())
        self.device = first.device
        self.spread = normalisation(form, first.device)[1].flatten()
        """By it a change of the input is one of the stored pixels: noise on these, as it arrives in the input."""
        self.counts: dict[str, Tensor | float] = {}
        self.drawn = torch.zeros(sources, dtype=torch.bool, device=self.device)
        self.evaluating = False
        self._pooled: Tensor | None = None
        self.real = real
        self.pictures: dict[str, set[int]] = {"real": set(), "others": set()}
        self.modules: dict[str, float] = {}
        modules = dict(model.named_modules())
        model.register_forward_pre_hook(self._see_input)
        for name, module in modules.items():
            if isinstance(module, nn.Dropout) and module.p > 0:
                self.modules[name] = module.p
                module.register_forward_hook(self._see_dropout(_place(name), name))
            elif type(module).__name__ == "DropPath":
                block = modules[name.rpartition(".")[0]]
                rate: Any = module.drop_prob
                if rate and getattr(block, "has_skip", True):  # without a skip there is no branch to drop
                    self.modules[name] = float(rate)
                module.register_forward_hook(self._see_path(name))
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
        self.plain = None if stored is None else as_input(as_unit(stored), self.form)
        if stored is not None:
            self.spread = _spread_of_noise(self.form, stored)
        if stored is not None and origins is not None:
            for image, origin in zip(stored.cpu().numpy(), origins.tolist(), strict=True):
                self.pictures["others" if origin else "real"].add(picture(image))

    def count_operations(self, seen: Tensor, without: Mapping[str, Tensor]) -> None:
        """Compare augmented images [n, c, h, w] with the same images without each of the policy's operations."""
        for name, other in without.items():
            change = (as_input(seen, self.form) - as_input(other, self.form)).abs().mean(dim=(1, 2, 3))
            self.count(**{f"operation {name}": (change > CHANGED).sum(), f"operation {name} of": len(change)})

    def count_mixing(self, entered: Tensor, labels: Tensor, pairs: mixing.Pairs | None) -> None:
        """Compare mixed images that entered the network with the stored ones, and their labels with these."""
        if pairs and self.plain is not None:
            with torch.no_grad():
                self.count(**mixing.seen(self.plain, entered, labels, pairs))

    def count_decay(self, seen: DecaySeen) -> None:
        """Add what one step showed of the weight decay."""
        self.count(decay_looks=1, **{f"decay_{name}": getattr(seen, name) for name in DECAYS})

    def count(self, **amounts: Tensor | float) -> None:
        """Add to the counts, without waiting for the device."""
        for name, amount in amounts.items():
            added = amount.to(widest(self.device)) if isinstance(amount, Tensor) else float(amount)
            self.counts[name] = self.counts.get(name, 0.0) + added

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
            model._call_impl(as_input(as_unit(stored), self.form))  # not the compiled one, which it would compile anew
        self.watch(None)
        self.evaluating = False
        self.count(evaluations=1)
        model.train(training)

    def _see_input(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self.plain is None or self.evaluating:
            return
        with torch.no_grad():
            by_channel = (inputs[0] - self.plain).abs().mean(dim=(2, 3))
            change = by_channel.mean(1)
        self.count(
            images=len(change),
            changed_images=(change > CHANGED).sum(),
            change=change.sum(),
            pixel_change=(by_channel * self.spread).mean(1).sum(),
        )

    def _count_dropped(self, place: str, alive: Tensor, passed: Tensor, module: str = "") -> None:
        mode = f"{place}_evaluation" if self.evaluating else place
        entered, dropped = alive.sum(), (alive & ~passed).sum()
        self.count(**{f"{mode}_alive": entered, f"{mode}_dropped": dropped})
        if module and not self.evaluating:
            self.count(**{f"module {module}_alive": entered, f"module {module}_dropped": dropped})

    def _see_dropout(self, place: str, name: str) -> Any:
        def see(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if self.stored is not None:
                self._count_dropped(place, inputs[0].detach() != 0, output.detach() != 0, name)

        return see

    def _see_path(self, name: str) -> Any:
        def see(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if self.stored is not None:
                entered, left = inputs[0].detach().flatten(1).any(1), output.detach().flatten(1).any(1)
                self._count_dropped("path", entered, left, name)

        return see

    def _see_pooled(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._pooled = output.detach() if self.stored is not None else None

    def _see_head(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._pooled is not None and self._pooled.flatten(1).shape == inputs[0].flatten(1).shape:
            self._count_dropped("head", self._pooled.flatten(1) != 0, inputs[0].detach().flatten(1) != 0)

    def state_dict(self) -> dict[str, object]:
        """Returns the counts that a checkpoint keeps."""
        pictures = {name: sorted(numbers) for name, numbers in self.pictures.items()}
        return {"counts": self.counts, "drawn": self.drawn, "pictures": pictures}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.counts = dict(state["counts"])
        self.drawn = state["drawn"]
        self.pictures = {name: set(numbers) for name, numbers in state["pictures"].items()}

    def report(self) -> Seen:
        """Sums up all watched steps."""
        counts = {name: float(value) for name, value in self.counts.items()}

        def share(part: str, whole: str) -> float:
            return counts.get(part, 0.0) / counts[whole] if counts.get(whole) else 0.0

        def dropped(name: str) -> float:
            return share(f"{name}_dropped", f"{name}_alive")

        compared = (name.removesuffix(" of") for name in counts if name.endswith(" of"))
        operations = [name.removeprefix("operation ") for name in compared]
        return Seen(
            updates=counts.get("updates", 0.0),
            skipped_updates=counts.get("skipped_updates", 0.0),
            items_drawn=counts.get("items", 0.0),
            evaluations=counts.get("evaluations", 0.0),
            unique_images=int(self.drawn.sum()),
            images_watched=counts.get("images", 0.0),
            changed_images=share("changed_images", "images"),
            mean_input_change=share("change", "images"),
            mean_pixel_change=share("pixel_change", "images"),
            changed_labels=share("changed_labels", "items"),
            synthetic_share=share("synthetic", "items"),
            extra_share=share("extra", "items"),
            copied_images=self._copied(),
            places={
                place: PlaceSeen(counts.get(f"{place}_alive", 0.0), dropped(place), dropped(f"{place}_evaluation"))
                for place in DROPOUTS
            },
            decay=DecaySeen(**{name: share(f"decay_{name}", "decay_looks") for name in DECAYS}),
            dropout_modules={
                name: ModuleSeen(rate, counts.get(f"module {name}_alive", 0.0), dropped(f"module {name}"))
                for name, rate in self.modules.items()
            },
            operations={name: share(f"operation {name}", f"operation {name} of") for name in operations},
            mixing={name: share(f"mixed_{name}", "mixed") for name in mixing.COUNTS if "mixed" in counts},
        )

    def _copied(self) -> float:
        """The share of the synthetic and further images, as they were trained on, that are real training images."""
        others = self.pictures["others"]
        return len(others & (self.real | self.pictures["real"])) / len(others) if others else 0.0


def _spread_of_noise(form: InputSettings, stored: Tensor) -> Tensor:
    """By channel, the change of a stored image over that of the network's input, for noise that is new in every pixel.

    An image that shrinks by the factor s is averaged with triangular weights of 2 s pixels on each axis, which leave
    noise the share (2 / 3) / s.
    """
    shrinks = max(stored.shape[-2:]) / form.size
    return normalisation(form, stored.device)[1].flatten() * (1.5 * shrinks if shrinks > 1 else 1.0)


def _place(name: str) -> str:
    last = name.rpartition(".")[2]
    if last == "block_dropout":
        return "block"
    if last == "attn_drop":
        return "attention"
    return "mlp" if last == "proj_drop" or ".mlp." in f".{name}." else "head"
