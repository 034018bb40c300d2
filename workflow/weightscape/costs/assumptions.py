"""The rates of devices and the sizes of public data sets that the costs of a study follow from, and its images.

How many images a study's splits hold is expected before any is read. The user's files are counted. Other counts are
those of the config, and for `all` the sizes of the public data sets in `workflow/docs/cost.yaml`. A count that nothing
states is assumed, and the page names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from weightscape.data import digits
from weightscape.data.pools import counted
from weightscape.data.splits import ALL
from weightscape.errors import UserError
from weightscape.study import Config
from weightscape.study.checks import own_files

HOUR = 3600.0
UNSTATED = "unstated"
Images = Mapping[str, Mapping[str, int] | int]
"""Images of each public data set by part; the entry `unstated` is for OOD sets of which no count is known."""


@dataclass(frozen=True)
class Gpu:
    """Peaks of a GPU in TFLOP/s, and the shares that training, inference and sampling reach.

    Training and sampling compute in the narrow precision of `peak_tflops`; evaluation, embeddings and curvature in
    float32, without TF32.
    """

    peak_tflops: float
    float32_tflops: float
    training_use: float
    inference_use: float
    sampling_use: float

    @property
    def peak(self) -> float:
        """Operations per second."""
        return self.peak_tflops * 1e12

    def training_hours(self, operations: float) -> float:
        """Hours of training steps."""
        return operations / (self.peak * self.training_use) / HOUR

    def inference_hours(self, operations: float) -> float:
        """Hours of passes in float32."""
        return operations / (self.float32_tflops * 1e12 * self.inference_use) / HOUR

    def sampling_hours(self, operations: float) -> float:
        """Hours of making images."""
        return operations / (self.peak * self.sampling_use) / HOUR


@dataclass(frozen=True)
class Cpu:
    """GFLOP/s of one core in products and in eigenvalues, and small and large images that are decoded per second."""

    gflops: float
    eigen_gflops: float
    decoded: float
    decoded_large: float


@dataclass(frozen=True)
class Assumptions:
    """Rates of devices, seconds until a job has started, and images of each public data set by part."""

    gpu: Gpu
    cpu: Cpu
    start_seconds: float
    images: Images

    def start_hours(self, jobs: int) -> float:
        """Hours in which jobs start, and hold what they asked for."""
        return jobs * self.start_seconds / HOUR


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
    asked = source["classes"] if block["classes"] == ALL else block["classes"]
    classes = asked if isinstance(asked, int) else len(asked)
    share = classes / source["classes"]
    parts = {part: round(source[part] * share) for part in ("train", "test")}
    if block["per_class"] != ALL:
        parts = {part: min(count, block["per_class"] * classes) for part, count in parts.items()}
    counts = _split_counts(block, parts)
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


def _split_counts(block: Config, parts: Mapping[str, int]) -> dict[str, int]:
    wanted = dict(block["splits"])
    if parts["test"] and block.get("parts", {}).get("test", True) is not None:
        counts = counted({"test": wanted.pop("test")}, parts["test"])
        return counted(wanted, parts["train"]) | counts
    return counted(wanted, parts["train"])
