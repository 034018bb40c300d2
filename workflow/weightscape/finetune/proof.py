"""Proof that an intervention acts: what a `witness` saw against what the condition asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from weightscape.augmentations.chances import changed_share, surely_changed_share
from weightscape.errors import UserError
from weightscape.finetune.decay import ROUNDING
from weightscape.networks.dropout_places import DROPOUTS

COPIED = 0.01
"""Largest share of synthetic images that may equal a real one, as a generator may memorise."""
SHARES = ("synthetic_share", "extra_share", "changed_labels")
"""Shares of the drawn items, which must be those of the item list."""
REPLAYED = 0.1
"""Largest share of what decay does to a tensor by which a replay with the decay that was asked for may miss it."""
SKIPPED = 10
"""Steps that float16 may leave out while it finds its scale, besides a tenth of all, and never more than half."""
ENOUGH = 15
"""Droppings, changes by an operation or drawn items that are expected before none is a fault."""


def verdict(report: Mapping[str, Any], action: Mapping[str, Any], items: Mapping[str, float], steps: int) -> None:
    """Stop with one sentence if what was seen is not what the condition asked for.

    `items` describes the run's item list: SHARES, the number `items` and the number `unique_images`; `steps` is the
    number of optimiser steps that were asked for.
    """
    if report["updates"] != steps:
        raise _idle(f"{report['updates']:.0f} optimiser steps were made, {steps} were asked for")
    if report["skipped_updates"] > min(SKIPPED + 0.1 * steps, steps / 2):
        raise _idle(
            f"{report['skipped_updates']:.0f} of {steps} steps were left out, as float16 overflowed: lower "
            "finetune.learning_rate, or set the backbone's precision to bfloat16 or float32"
        )
    if report["evaluations"] < 1:
        raise _idle("evaluation mode was never looked at")
    _check_list(items, action["items"])
    _check_changed(report, action)
    for place in DROPOUTS:
        wanted, seen = action["dropout"].get(place, 0.0), report[f"{place}_drop_rate"]
        # Stochastic depth grows linearly with depth, so that its mean over blocks is about half of the last rate.
        entered = report[f"{place}_entered"]
        aside = 0.2 * min(wanted, 1 - wanted) + 0.02 + _aside(wanted, entered)  # 0.98 is not 0.9
        low, high = wanted - aside, wanted + aside
        if place == "path":
            low, high = (bound * wanted + sign * _aside(wanted, entered) for bound, sign in ((0.25, -1), (0.75, 1)))
        if not low <= seen <= high or (seen > 0 and wanted == 0) or (seen == 0 and wanted * (entered or 1e9) > ENOUGH):
            raise _idle(f"dropout ({place}) of {wanted} was asked for, but {seen:.3f} was seen")
        if report[f"{place}_drop_rate_evaluation"] > 0:
            raise _idle(f"dropout ({place}) also acts in evaluation mode")
    _check_modules(report["dropout_modules"])
    _check_operations(report, action["operations"])
    for share in SHARES:
        aside = 0.1 * items[share] + 0.02 * (items[share] > 0) + _aside(items[share], report["items_drawn"])
        none = report[share] == 0 and items[share] * report["items_drawn"] > ENOUGH
        if none or abs(report[share] - items[share]) > aside:
            raise _idle(f"{share} is {items[share]:.3f} in the item list, but {report[share]:.3f} was drawn")
    if report["copied_images"] > COPIED:
        raise _idle(f"{report['copied_images']:.0%} of the images from elsewhere are real training images")
    if action["noise"] > 0 and not action["operations"]:
        _check_noise(report["mean_pixel_change"], action["noise"])
    _check_unique(report, items)
    _check_decay(report, action["weight_decay"])


def _check_modules(modules: Mapping[str, Mapping[str, float]]) -> None:
    """Each module that should drop was called, and drops at its own rate, up to chance."""
    for name, seen in modules.items():
        rate, entered = seen["rate"], seen["entered"]
        if not entered:
            raise _idle(f"the dropout module {name} of rate {rate:.3g} was never called")
        aside = 0.2 * min(rate, 1 - rate) + 0.02 + _aside(rate, entered)
        if abs(seen["dropped"] - rate) > aside or (seen["dropped"] == 0 and rate * entered > ENOUGH):
            raise _idle(f"the dropout module {name} should drop {rate:.3g}, but dropped {seen['dropped']:.3g}")


def _check_operations(report: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> None:
    """Of a policy of several operations each one changed images; the one that spares some, its share of them."""
    for name, seen in report["operations"].items():
        values = operations[int(name.partition("/")[0])]
        if _too_few(seen, [values], 0.0, report["images_watched"]):
            share = changed_share([values], 0.0)
            raise _idle(
                f"the operation {values['name']} of the policy changed {seen:.0%} of the images, not {share:.0%}"
            )


def _check_list(items: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    """The item list must be that of the dose; the list alone would prove itself."""
    found = {**items, "copies": 1 - items["unique_images"] / items["items"]}
    for name, share in wanted.items():
        if abs(found[name] - share) > 1.5 / items["items"] + ROUNDING:
            raise _idle(f"{name} is {found[name]:.3f} in the item list, but the dose asks for {share:.3f}")


def _check_changed(report: Mapping[str, float], action: Mapping[str, Any]) -> None:
    """Where the policy changes nothing no image was changed, else enough of them were."""
    share, seen = changed_share(action["operations"], action["noise"]), report["changed_images"]
    if share == 0:
        if seen > 0:
            raise _idle(f"{seen:.0%} of the images were changed though none should be")
        return
    if _too_few(seen, action["operations"], action["noise"], report["images_watched"]):
        raise _idle(f"only {seen:.0%} of the images that the network saw were changed, the policy changes {share:.0%}")


def _too_few(seen: float, operations: Sequence[Mapping[str, Any]], noise: float, watched: float) -> bool:
    """Whether none of many images was changed, or, but for chance, fewer than half of those that must change.

    Where it depends on the image (an erased square on a black border changes nothing) a twentieth will do.
    """
    surely, share = surely_changed_share(operations, noise), changed_share(operations, noise)
    least = 0.5 * surely + 0.05 * (share - surely) - _aside(surely, watched) - _aside(share, watched)
    return seen < least or (seen == 0 and share * watched > ENOUGH)


def _aside(share: float, drawn: float) -> float:
    """Four standard errors of a share of so many draws."""
    return 4 * (share * (1 - share) / max(1.0, drawn)) ** 0.5


def _check_unique(report: Mapping[str, float], items: Mapping[str, float]) -> None:
    """After a whole epoch every image of the list was drawn; never more."""
    seen, listed = report["unique_images"], items["unique_images"]
    if seen > listed or (seen < listed and report["items_drawn"] >= items["items"]):
        raise _idle(f"{listed:.0f} different images are in the item list, but {seen:.0f} were drawn")


def _check_decay(report: Mapping[str, float], decay: Mapping[str, Any]) -> None:
    """Decoupled decay shrinks each tensor by rate x decay (AdamW, eq. 12 of arXiv 1711.05101); coupled, as replayed.

    The rate is the schedule's, the decay the condition's, so that the optimiser does not report on itself.
    """
    if report["decay_rate"] == 0:
        raise _idle("no step was looked at for its decay")
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
