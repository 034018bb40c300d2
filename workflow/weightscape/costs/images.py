"""Expects how many images a study's splits hold, before any is read.

The user's files are counted. Other counts are those of the config, and for `all` the sizes of the public data sets in
`workflow/docs/cost.yaml`. A count that nothing states is assumed, and the page names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from weightscape.costs.assumptions import UNSTATED, Images
from weightscape.data import digits
from weightscape.data.pools import counted
from weightscape.data.splits import ALL
from weightscape.errors import UserError
from weightscape.study import Config
from weightscape.study.checks import own_files


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


def sizes_of(config: Config, dataset: str, known: Images) -> Sizes:
    """Images per split: those of the config, or for `all` those of the public data set, less those above `per_class`.

    A cap is taken as if classes were equally large. If they are not, the training part is somewhat smaller.
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
    if not isinstance(source, Mapping):
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
            count = cast(int, known[UNSTATED])
            unstated.append(f"data.{dataset}.ood.{name}")
        counts[f"ood-{name}"] = count
    return Sizes(counts, classes, shape, tuple(unstated))


def _number(classes: Any) -> int:
    return classes if isinstance(classes, int) else len(classes)


def _split_counts(block: Config, parts: Mapping[str, Any]) -> dict[str, int]:
    wanted = dict(block["splits"])
    if parts["test"] and block.get("parts", {}).get("test", True) is not None:
        counts = counted({"test": wanted.pop("test")}, parts["test"])
        return counted(wanted, parts["train"]) | counts
    return counted(wanted, parts["train"])
