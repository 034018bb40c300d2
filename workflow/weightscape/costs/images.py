"""How many images a study's splits are expected to hold, before any is read: counted where they are files of one's own,
else from the config, and for `all` from what is known of the source (`workflow/docs/cost.yaml`). Counts that nothing
states are assumed, and named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightscape.data import digits
from weightscape.data.pools import counted
from weightscape.data.splits import ALL
from weightscape.errors import UserError
from weightscape.study.checks import own_files
from weightscape.study.config_type import Config

Assumed = Mapping[str, Any]
UNSTATED = "unstated"
"""The entry of the known counts that stands for OOD sets of which no count is known."""


@dataclass(frozen=True)
class Sizes:
    """Images of a data set by split, its classes, the shape [c, h, w] of an image; OOD sets with an assumed count."""

    splits: Mapping[str, int]
    classes: int
    shape: tuple[int, int, int]
    unstated: tuple[str, ...] = ()

    @property
    def bytes_per_image(self) -> int:
        """Of uint8 pixels."""
        channels, height, width = self.shape
        return channels * height * width


def sizes_of(config: Config, dataset: str, known: Assumed) -> Sizes:
    """Images per split; where the config says `all`, from what is known of the source, less those above `per_class`.

    A cap is taken as if classes were equally large: where they are not, the training part is somewhat smaller.
    """
    block = config["data"][dataset]
    if "image" not in block:
        counts = {**block["splits"], **{f"ood-{name}": ood["images"] for name, ood in block["ood"].items()}}
        return Sizes(counts, len(digits.CLASSES), (1, digits.SIDE, digits.SIDE))
    image = block["image"]
    shape = (image["channels"], image["size"], image["size"])
    on_disk = own_files.counted(config, dataset)
    if on_disk is not None:
        return Sizes(on_disk.splits, len(on_disk.classes), shape)
    source = known.get(block.get("name") or block["path"])
    if source is None:
        raise UserError(f"the number of images of data.{dataset} is not known: add it to images in cost.yaml")
    classes = source["classes"] if block["classes"] == ALL else _number(block["classes"])
    share = classes / source["classes"]
    most = float("inf") if block["per_class"] == ALL else block["per_class"] * classes
    counts = _split_counts(block, {part: min(round(source[part] * share), most) for part in ("train", "test")})
    unstated = []
    for name, ood in block["ood"].items():
        if ood["images"] != ALL:
            count = ood["images"]
        elif ood["source"] == "corruption":
            count = counts["test"]
        elif ood.get("domain") in source:
            count = round(source[ood["domain"]] * share)
        else:
            count = known[UNSTATED]
            unstated.append(f"data.{dataset}.ood.{name}")
        counts[f"ood-{name}"] = count
    return Sizes(counts, classes, shape, tuple(unstated))


def _number(classes: Any) -> int:
    return classes if isinstance(classes, int) else len(classes)


def _split_counts(block: Assumed, parts: Mapping[str, Any]) -> dict[str, int]:
    wanted = dict(block["splits"])
    if parts["test"] and block.get("parts", {}).get("test", True) is not None:
        counts = counted({"test": wanted.pop("test")}, parts["test"])
        return counted(wanted, parts["train"]) | counts
    return counted(wanted, parts["train"])
