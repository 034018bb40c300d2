"""Proof that an intervention acts, measured on the tensors that are trained on.

A `Witness` hooks the network: what enters it is compared with the stored images, what a dropout lets through with
what entered it. The augmenter and the config do not report on themselves. `verdict` then compares what was seen
with what the condition asked for.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from weightscape.errors import UserError
from weightscape.networks import as_input, as_unit, head_name

CHANGED = 1e-4
"""Least mean absolute change of an input (in normalised units) that counts as a changed image."""


class Witness:
    """Counts, during training steps, what reaches the network; `watch` before each step names the stored images."""

    def __init__(self, model: nn.Module, input_settings: Mapping[str, Any]) -> None:
        self.input_settings = input_settings
        self.stored: Tensor | None = None
        self.counts: dict[str, float] = {}
        self._pooled: Tensor | None = None
        modules = dict(model.named_modules())
        model.register_forward_pre_hook(self._see_input)
        if "global_pool" in modules:
            modules["global_pool"].register_forward_hook(self._see_pooled)
            modules[head_name(model)].register_forward_pre_hook(self._see_head)
        for module in modules.values():
            if type(module).__name__ == "DropPath":
                module.register_forward_hook(self._see_path)

    def watch(self, stored: Tensor | None) -> None:
        """Compare the next forward pass with these stored uint8 images; None looks away."""
        self.stored = stored

    def count(self, **amounts: float) -> None:
        """Add to the counts."""
        for name, amount in amounts.items():
            self.counts[name] = self.counts.get(name, 0.0) + float(amount)

    def _see_input(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self.stored is None or not model.training:
            return
        with torch.no_grad():
            plain = as_input(as_unit(self.stored), self.input_settings)
            change = (inputs[0] - plain).abs().mean(dim=(1, 2, 3))
        self.count(images=len(change), changed_images=(change > CHANGED).sum().item(), change=change.sum().item())

    def _see_pooled(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self._pooled = output.detach() if self.stored is not None and module.training else None

    def _see_head(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if self._pooled is None:
            return
        alive = self._pooled.flatten(1) != 0
        dropped = alive & (inputs[0].detach().flatten(1) == 0)
        self.count(head_units=alive.sum().item(), head_dropped=dropped.sum().item())

    def _see_path(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if self.stored is None or not module.training:
            return
        alive = inputs[0].detach().flatten(1).any(1)
        dropped = alive & ~output.detach().flatten(1).any(1)
        self.count(paths=alive.sum().item(), paths_dropped=dropped.sum().item())

    def report(self) -> dict[str, float]:
        """Shares over all watched steps."""
        seen = self.counts

        def share(part: str, whole: str) -> float:
            return seen.get(part, 0.0) / seen[whole] if seen.get(whole) else 0.0

        return {
            "changed_images": share("changed_images", "images"),
            "mean_input_change": share("change", "images"),
            "changed_labels": share("changed_labels", "items"),
            "synthetic_share": share("synthetic", "items"),
            "head_drop_rate": share("head_dropped", "head_units"),
            "path_drop_rate": share("paths_dropped", "paths"),
        }


def verdict(report: Mapping[str, float], action: Mapping[str, Any], items: Mapping[str, float]) -> None:
    """Stop with one sentence if what was seen is not what the condition asked for.

    `items` holds the shares `synthetic_share` and `changed_labels` of the run's item list.
    """
    wanted_change = bool(action["operations"]) or action["noise"] > 0
    if wanted_change and report["changed_images"] < 0.5:
        raise _idle(f"only {report['changed_images']:.0%} of the images that the network saw were changed")
    if not wanted_change and report["changed_images"] > 0:
        raise _idle(f"{report['changed_images']:.0%} of the images were changed though none should be")
    for place in ("head", "path"):
        wanted, seen = action["dropout"][place], report[f"{place}_drop_rate"]
        # Stochastic depth grows linearly with depth, so that its mean over blocks is about half of the last rate.
        low, high = (0.25, 0.75) if place == "path" else (0.8, 1.2)
        if not low * wanted <= seen <= high * wanted:
            raise _idle(f"dropout ({place}) of {wanted} was asked for, but {seen:.3f} was seen")
    for share in ("synthetic_share", "changed_labels"):
        if abs(report[share] - items[share]) > 0.1 * items[share] + 0.02 * (items[share] > 0):
            raise _idle(f"{share} is {items[share]:.3f} in the item list, but {report[share]:.3f} was drawn")


def _idle(what: str) -> UserError:
    return UserError(f"the intervention did not act as configured: {what}; this run is not recorded")
