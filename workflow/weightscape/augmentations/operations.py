"""The table of augmentations: the function of each, how often it acts, and whether that depends on the image.

The plan reads this table too, so that it imports no torch; `policy` looks the functions up.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Magnitudes = Mapping[str, int | float | str]


@dataclass(frozen=True)
class Operation:
    """One augmentation of a policy, as the config asks for it: its name in OPERATIONS and its magnitudes."""

    name: str
    magnitudes: Magnitudes

    @property
    def chance(self) -> float:
        """The probability that it acts on an image; 0 where its magnitudes are those that change nothing."""
        return OPERATIONS[self.name].chance(self.magnitudes)

    @property
    def depends_on_image(self) -> bool:
        """Whether it leaves some images as they are, whatever it draws."""
        return OPERATIONS[self.name].depends_on_image


def operation(block: Magnitudes) -> Operation:
    """An augmentation from its block of the config, whose key `name` stands among the magnitudes."""
    return Operation(str(block["name"]), {key: value for key, value in block.items() if key != "name"})


@dataclass(frozen=True)
class Row:
    """One row of the table: the module of this package that has the function of the row's name, and when it acts."""

    module: str
    chance: Callable[[Magnitudes], float] = lambda _: 1.0  # the probability that it acts on an image
    depends_on_image: bool = False  # spares symmetric images, black borders, or draws that have no effect there


def _where_positive(*names: str) -> Callable[[Magnitudes], float]:
    """The chance of an operation that acts on every image, unless all of these magnitudes are 0."""
    return lambda magnitudes: float(any(float(magnitudes[name]) > 0 for name in names))


def _flips(magnitudes: Magnitudes) -> float:
    return 1 - (1 - float(magnitudes["horizontal"])) * (1 - float(magnitudes["vertical"]))


def _erases(magnitudes: Magnitudes) -> float:
    return float(magnitudes["probability"]) * (float(magnitudes["area"]) > 0)


OPERATIONS = {
    "affine": Row("geometry", _where_positive("degrees", "translate", "scale", "shear")),
    "elastic": Row("geometry", _where_positive("alpha")),
    "erasing": Row("geometry", _erases, depends_on_image=True),
    "flip": Row("geometry", _flips, depends_on_image=True),
    "resample": Row("geometry", depends_on_image=True),
    "gaussian_noise": Row("geometry", _where_positive("sigma")),
    "autoaugment": Row("automatic", depends_on_image=True),
    "randaugment": Row("automatic", depends_on_image=True),
    "trivialaugment": Row("automatic", depends_on_image=True),
    "augmix": Row("automatic", depends_on_image=True),
}


def changed_share(operations: Iterable[Operation], noise: float) -> float:
    """The share of images that a policy acts on, at most all that change: flips and erasing spare some by chance."""
    return 1 - math.prod([1.0 - (noise > 0), *(1 - operation.chance for operation in operations)])


def surely_changed_share(operations: Iterable[Operation], noise: float) -> float:
    """The share of images that a policy changes whatever they show."""
    return changed_share([operation for operation in operations if not operation.depends_on_image], noise)
