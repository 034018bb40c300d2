"""Proof that an intervention acts: what a `witness` saw against what the condition asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from weightscape.augmentations.operations import Operation, changed_share, surely_changed_share
from weightscape.errors import UserError
from weightscape.finetune import mixing
from weightscape.finetune.optimiser import ROUNDING
from weightscape.finetune.seen import DecaySeen, ModuleSeen, PlaceSeen, Seen
from weightscape.finetune.settings import Action, ItemShares, WeightDecay

COPIED = 0.01  # largest share of synthetic images that may equal a real one, as a generator may memorise
SHARES = ("synthetic_share", "extra_share", "changed_labels")  # must be in the drawn items as in the list
REPLAYED = 0.1  # of what decay does to a tensor, the share by which a replay with the decay asked for may miss it
SKIPPED = 10  # steps that float16 may leave out to find its scale, besides a tenth of all, and never more than half
ENOUGH = 15  # droppings, changes by an operation or drawn items that are expected before none is a fault
OFF_RATE, OFF_LEAST = 0.2, 0.02
"""Of a drop rate, or of the share that it keeps if that is smaller, and of all values: how far off a rate may be."""
OFF_SHARE = 0.1  # of a share of the item list, how far off the drawn items may be
PATH = (0.25, 0.75)
"""Of the last block's rate, least and most of the mean over blocks: stochastic depth grows with depth."""
SURELY_CHANGED, MAYBE_CHANGED = 0.5, 0.05
"""Of the images that an operation must change, and of those where it depends on the image, the least that changed."""
NOISE = (0.3, 1.2)  # of the noise's mean absolute value, least and most change of a pixel: black and white clip it
OFF_DECAY = 0.05  # of the decay of a step, how far off each tensor may be


def verdict(seen: Seen, action: Action, items: Mapping[str, float], steps: int) -> None:
    """Stop with one sentence if what was seen is not what the condition asked for.

    `items` describes the run's item list: SHARES, the number `items` and the number `unique_images`; `steps` is the
    number of optimiser steps that were asked for.
    """
    _check_steps(seen, steps)
    _check_list(items, action.items)
    if action.mixing:
        mixing.check(seen.mixing, action.mixing, seen.images_watched, round(seen.items_drawn / max(seen.updates, 1)))
    else:
        _check_changed(seen, action)
    for place, place_seen in seen.places.items():
        _check_place(place, place_seen, action.dropout.get(place, 0.0))
    for name, module in seen.dropout_modules.items():
        _check_module(name, module)
    _check_operations(seen, action.operations)
    for share in SHARES:
        _check_drawn(share, getattr(seen, share), items[share], seen.items_drawn)
    if seen.copied_images > COPIED:
        raise _idle(f"{seen.copied_images:.0%} of the images from elsewhere are real training images")
    if action.noise > 0 and not action.operations:
        _check_noise(seen.mean_pixel_change, action.noise)
    _check_unique(seen, items)
    _check_decay(seen.decay, action.weight_decay)


def _check_steps(seen: Seen, steps: int) -> None:
    """As many steps were made as asked for, nearly all counted, and evaluation mode was looked at."""
    if seen.updates != steps:
        raise _idle(f"{seen.updates:.0f} optimiser steps were made, {steps} were asked for")
    if seen.skipped_updates > min(SKIPPED + 0.1 * steps, steps / 2):
        raise _idle(
            f"{seen.skipped_updates:.0f} of {steps} steps were left out, as float16 overflowed: lower "
            "finetune.learning_rate, or set the backbone's precision to bfloat16 or float32"
        )
    if seen.evaluations < 1:
        raise _idle("evaluation mode was never looked at")


def _check_place(place: str, seen: PlaceSeen, wanted: float) -> None:
    """The dropouts of a place drop at the rate that was asked for, up to chance, and never in evaluation mode."""
    aside = _aside_of_rate(wanted, seen.entered)
    low, high = wanted - aside, wanted + aside
    if place == "path":
        low, high = (
            bound * wanted + sign * _aside(wanted, seen.entered) for bound, sign in zip(PATH, (-1, 1), strict=True)
        )
    undropped = seen.drop_rate == 0 and wanted * (seen.entered or 1e9) > ENOUGH
    if not low <= seen.drop_rate <= high or (seen.drop_rate > 0 and wanted == 0) or undropped:
        raise _idle(f"dropout ({place}) of {wanted} was asked for, but {seen.drop_rate:.3f} was seen")
    if seen.drop_rate_evaluation > 0:
        raise _idle(f"dropout ({place}) also acts in evaluation mode")


def _check_module(name: str, seen: ModuleSeen) -> None:
    """A module that should drop was called, and drops at its own rate, up to chance."""
    if not seen.entered:
        raise _idle(f"the dropout module {name} of rate {seen.rate:.3g} was never called")
    off = abs(seen.dropped - seen.rate) > _aside_of_rate(seen.rate, seen.entered)
    if off or (seen.dropped == 0 and seen.rate * seen.entered > ENOUGH):
        raise _idle(f"the dropout module {name} should drop {seen.rate:.3g}, but dropped {seen.dropped:.3g}")


def _check_drawn(name: str, seen: float, listed: float, drawn: float) -> None:
    """A share of the drawn items is that of the item list, up to chance."""
    aside = OFF_SHARE * listed + OFF_LEAST * (listed > 0) + _aside(listed, drawn)
    if (seen == 0 and listed * drawn > ENOUGH) or abs(seen - listed) > aside:
        raise _idle(f"{name} is {listed:.3f} in the item list, but {seen:.3f} was drawn")


def _check_operations(seen: Seen, operations: Sequence[Operation]) -> None:
    """Each operation of a policy of several changed images; one that spares some changed its share of them."""
    for name, changed in seen.operations.items():
        operation = operations[int(name.partition("/")[0])]
        if _too_few(changed, [operation], 0.0, seen.images_watched):
            share = changed_share([operation], 0.0)
            raise _idle(
                f"the operation {operation.name} of the policy changed {changed:.0%} of the images, not {share:.0%}"
            )


def _check_list(items: Mapping[str, float], wanted: ItemShares) -> None:
    """The item list must be that of the dose; the list alone would prove itself."""
    listed = {**items, "copies": 1 - items["unique_images"] / items["items"]}
    for name, share in asdict(wanted).items():
        if abs(listed[name] - share) > 1.5 / items["items"] + ROUNDING:
            raise _idle(f"{name} is {listed[name]:.3f} in the item list, but the dose asks for {share:.3f}")


def _check_changed(seen: Seen, action: Action) -> None:
    """Where the policy changes nothing no image was changed, else enough of them were."""
    share, changed = changed_share(action.operations, action.noise), seen.changed_images
    if share == 0:
        if changed > 0:
            raise _idle(f"{changed:.0%} of the images were changed though none should be")
        return
    if _too_few(changed, action.operations, action.noise, seen.images_watched):
        raise _idle(
            f"only {changed:.0%} of the images that the network saw were changed, the policy changes {share:.0%}"
        )


def _too_few(changed: float, operations: Sequence[Operation], noise: float, watched: float) -> bool:
    """Whether none of many images was changed, or, but for chance, fewer than half of those that must change.

    Where it depends on the image (an erased square on a black border changes nothing) a twentieth will do.
    """
    surely, share = surely_changed_share(operations, noise), changed_share(operations, noise)
    least = SURELY_CHANGED * surely + MAYBE_CHANGED * (share - surely)
    least -= _aside(surely, watched) + _aside(share, watched)
    return changed < least or (changed == 0 and share * watched > ENOUGH)


def _aside(share: float, drawn: float) -> float:
    """Four standard errors of a share of so many draws."""
    return 4 * (share * (1 - share) / max(1.0, drawn)) ** 0.5


def _aside_of_rate(rate: float, entered: float) -> float:
    """How far off a drop rate may be: .98 is not .9."""
    return OFF_RATE * min(rate, 1 - rate) + OFF_LEAST + _aside(rate, entered)


def _check_unique(seen: Seen, items: Mapping[str, float]) -> None:
    """After a whole epoch every image of the list was drawn; never more."""
    drawn, listed = seen.unique_images, items["unique_images"]
    if drawn > listed or (drawn < listed and seen.items_drawn >= items["items"]):
        raise _idle(f"{listed:.0f} different images are in the item list, but {drawn:.0f} were drawn")


def _check_decay(seen: DecaySeen, wanted: WeightDecay) -> None:
    """Decoupled decay shrinks each tensor by rate x decay (AdamW, eq. 12 of arXiv 1711.05101); coupled, as replayed.

    The rate is the schedule's, the decay the condition's, so that the optimiser does not report on itself.
    """
    if seen.rate == 0:
        raise _idle("no step was looked at for its decay")
    if seen.elsewhere > 0 or (wanted.decay == 0 and seen.seen > 0):
        raise _idle("weights decayed for which no decay was asked")
    if wanted.decay == 0:
        return
    expected = seen.rate * wanted.decay
    if wanted.coupled and seen.error > REPLAYED:
        raise _idle(
            f"a coupled weight decay of {wanted.decay} was asked for, but a step with it differs from the one made "
            f"by {seen.error:.2g} of what decay does to a tensor"
        )
    spread = OFF_DECAY * expected + ROUNDING
    off = not wanted.coupled and any(abs(extreme - expected) > spread for extreme in (seen.least, seen.most))
    if off or seen.seen == 0:
        raise _idle(
            f"a weight decay of {wanted.decay} was asked for, but one step moved the weights by "
            f"{seen.least:.2e} to {seen.most:.2e} of their norm"
            + ("" if wanted.coupled else f" instead of {expected:.2e}")
        )


def _check_noise(change: float, sigma: float) -> None:
    """Gaussian noise changes a pixel by .8 sigma on average, by half of that where black or white clips it."""
    least, most = NOISE
    if not least * 0.8 * sigma <= change <= most * 0.8 * sigma:
        raise _idle(f"noise of {sigma} was asked for, but pixels changed by {change:.4f} on average")


def _idle(what: str) -> UserError:
    return UserError(f"the intervention did not act as configured: {what}; this run is not recorded")
