"""The report of a witness: what it saw of an intervention, over all watched steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class PlaceSeen:
    """Values that entered the dropouts of one place, and the shares dropped, in training and in evaluation mode."""

    entered: float
    drop_rate: float
    drop_rate_evaluation: float


@dataclass(frozen=True)
class ModuleSeen:
    """The rate at which a module should drop, the values that entered it, and the share that it dropped."""

    rate: float
    entered: float
    dropped: float


@dataclass(frozen=True)
class DecaySeen:
    """Means over the steps that were looked at, as shares of the norm of a tensor.

    `seen` is over all tensors that should shrink, `least` and `most` the extremes among them, `elsewhere` the largest
    of the others, `error` the largest distance from the step with the decay that was asked for; `rate` is the learning
    rate.
    """

    seen: float
    least: float
    most: float
    elsewhere: float
    error: float
    rate: float = 0.0


@dataclass(frozen=True)
class Seen:
    """Counts and shares of what reached the network.

    `places` has the dropout places; `dropout_modules` each module that should drop; `operations` the share of the
    images that each operation of a policy of several changed, by its position and name; `mixing` has means over images
    that were mixed with others.
    """

    updates: float
    skipped_updates: float
    items_drawn: float
    evaluations: float
    unique_images: int
    images_watched: float
    changed_images: float
    mean_input_change: float
    mean_pixel_change: float
    changed_labels: float
    synthetic_share: float
    extra_share: float
    copied_images: float
    places: Mapping[str, PlaceSeen]
    decay: DecaySeen
    dropout_modules: Mapping[str, ModuleSeen]
    operations: Mapping[str, float]
    mixing: Mapping[str, float]

    def facts(self) -> dict[str, object]:
        """The report as a record and the tables have it: one flat level but for modules, operations and mixing."""
        flat = asdict(self)
        places, decay = flat.pop("places"), flat.pop("decay")
        return {
            **flat,
            **{f"{place}_{name}": value for place, seen in places.items() for name, value in seen.items()},
            **{f"decay_{name}": value for name, value in decay.items()},
        }
